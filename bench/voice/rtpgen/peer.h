/**
 * One transport of one person: a UDP socket, ICE toward an ICE-lite server, DTLS 1.2 as the client, SRTP keys. Main thread only.
 * A plain peer has none of that and sends RTP as it is, as a media worker does to a process beside it.
 * The server's certificate is not checked: the generator speaks to a server that the bench started on loopback.
 */
#pragma once
#include <netinet/in.h>
#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "srtp.h"
#include "stun.h"

/** Certificate and settings that all peers share. */
class DtlsIdentity {
 public:
  DtlsIdentity();
  ~DtlsIdentity();
  DtlsIdentity(const DtlsIdentity&) = delete;
  DtlsIdentity& operator=(const DtlsIdentity&) = delete;

  SSL_CTX* context() const { return context_; }
  /** SHA-256 of the certificate as SDP writes it. */
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  SSL_CTX* context_;
  std::string fingerprint_;
};

class Peer;

/** Packets whose send time is remembered: 20 s of a stream. */
constexpr size_t kRememberedPackets = 1024;

/** What a person sends: one Opus-like stream. Outlives its peer while somebody is told to hear it. */
struct Talker {
  Peer* peer = nullptr;
  uint32_t ssrc = 0;
  uint8_t payload_type = 0;
  uint8_t level_extension = 0;
  int64_t phase_ns = 0;
  /** Packets sent so far; the RTP time stamp is 960 times this. */
  uint64_t count = 0;
  uint64_t window_count = 0;
  std::array<int64_t, kRememberedPackets> sent_at{};
};

/** What a person hears: one consumer. */
struct Stream {
  uint32_t ssrc = 0;
  std::shared_ptr<Talker> from;
  uint64_t window_count = 0;
  int64_t last_ns = 0;
  bool is_heard = false;
};

class Peer {
 public:
  enum class State { kIce, kIceReady, kHandshake, kConnected, kFailed };

  Peer(uint32_t id, const sockaddr_in& server, IceCredentials credentials, SSL_CTX* context);
  /** A plain peer. */
  Peer(uint32_t id, const sockaddr_in& receiver);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  uint32_t id() const { return id_; }
  int fd() const { return fd_; }
  /** The port that its packets come from. */
  uint16_t local_port() const;
  State state() const { return state_; }

  /** The server has our fingerprint: DTLS may begin, once ICE is there. */
  void allow_dtls();
  /** Retries, consent (every 5 s) and DTLS time-outs. Cheap where nothing is due. */
  void on_time(int64_t now_ns);
  /** A STUN or DTLS datagram. */
  void on_control_packet(const uint8_t* packet, size_t bytes);
  /** Sends packet `talker.count` of a talker of this peer; false where the socket refused it. */
  bool send(Talker& talker, int64_t* sent_at_ns);
  /** Whether an SRTP packet of the server is authentic; destroys it. Assumes that its sequence number has not wrapped. */
  bool verify(uint8_t* packet, size_t bytes);

  std::vector<Stream> streams;

 private:
  void ask_binding(int64_t now_ns);
  bool is_plain() const { return ssl_ == nullptr; }
  void begin_dtls();
  void go_on();
  void flush();
  void take_keys();

  const uint32_t id_;
  const int fd_;
  const IceCredentials credentials_;
  SSL* const ssl_;
  BIO* in_ = nullptr;
  BIO* out_ = nullptr;
  State state_ = State::kIce;
  bool may_handshake_ = false;
  int64_t next_binding_ns_ = 0;
  uint64_t bindings_ = 0;
  std::unique_ptr<SrtpKey> send_key_;
  std::unique_ptr<SrtpKey> receive_key_;
};
