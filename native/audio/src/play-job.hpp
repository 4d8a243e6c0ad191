/**
 * Owns one playback: sends the packets of an Ogg/Opus file as they are, at the file's own pace, to one port of a media worker. Deadlines are
 * absolute; RTP time goes on over pauses, as receivers expect.
 */
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "loop.hpp"
#include "ogg-reader.hpp"
#include "udp.hpp"

namespace driftway {

/** Where an injected stream goes, and what it calls itself. */
struct StreamTarget {
  std::uint16_t port = 0;
  std::uint32_t ssrc = 0;
  std::uint8_t payload_type = 0;
  /** Where the numbering begins: after a restart they go on behind those of the process before. */
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;
};

struct PlayState {
  std::int64_t packets = 0;
  std::int64_t refused = 0;
  std::int64_t invalid = 0;
  /** Samples of the file that were sent. */
  std::int64_t position = 0;
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;
  bool is_paused = false;
};

class PlayJob {
 public:
  /** `reason`: end, stop, gone (nobody listens there any more). */
  using Done = std::function<void(const char* reason, const PlayState& state)>;
  using Progress = std::function<void(const PlayState& state)>;

  PlayJob(Loop& loop, std::unique_ptr<UdpSocket> socket, std::unique_ptr<OggReader> file, Done done, Progress progress);
  ~PlayJob();

  std::uint16_t port() const { return socket_->port(); }
  /** From `position` samples on. False when it has begun already. */
  bool start(const StreamTarget& target, std::int64_t position, bool is_looped);
  void pause(bool is_paused);
  /** Calls `done`. */
  void stop();

 private:
  void step();
  bool load();
  void send();
  void finish(const char* reason);

  Loop& loop_;
  std::unique_ptr<UdpSocket> socket_;
  std::unique_ptr<OggReader> file_;
  Done done_;
  Progress progress_;
  StreamTarget target_;
  PlayState state_;
  bool is_looped_ = false;
  bool is_marked_ = true;
  std::vector<std::uint8_t> payload_;
  int samples_ = 0;
  Loop::TimerId timer_ = 0;
  Micros due_ = 0;
  Micros paused_at_ = 0;
  Micros told_at_ = 0;
  int refused_run_ = 0;
};

}  // namespace driftway
