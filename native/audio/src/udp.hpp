/** One UDP socket on 127.0.0.1: the media workers of this machine are the only peers there are. */
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "rtp.hpp"

namespace driftway {

class UdpSocket {
 public:
  static constexpr std::size_t kDatagramMax = 2048;
  static constexpr int kBatch = 32;

  /** `port` 0 takes a free one. Null when it is taken, with errno. */
  static std::unique_ptr<UdpSocket> bind(std::uint16_t port);
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;
  ~UdpSocket();

  int fd() const { return fd_; }
  std::uint16_t port() const { return port_; }
  /** Reads what is there, at most a few batches, so that other sockets get their turn. */
  void receive(const std::function<void(Bytes datagram, std::uint16_t from)>& sink);
  /** False when the kernel does not take it (nobody listens, or its buffer is full). */
  bool send(Bytes datagram, std::uint16_t to);

 private:
  UdpSocket(int fd, std::uint16_t port);
  int fd_;
  std::uint16_t port_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace driftway
