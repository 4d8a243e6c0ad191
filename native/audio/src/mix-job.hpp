/**
 * Owns one mix: pulls 20 ms of every speaker of a room on a steady clock, adds them up, encodes once and sends the stream to one port of a
 * media worker. For stages and broadcasts, where one stream is cheaper than many.
 */
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "dsp.hpp"
#include "loop.hpp"
#include "mixer.hpp"
#include "play-job.hpp"
#include "playout.hpp"
#include "udp.hpp"

struct OpusEncoder;

namespace driftway {

struct MixSettings {
  int bitrate = 40000;
  bool noise = false;
  bool gain = false;
};

struct MixState {
  int sources = 0;
  int talking = 0;
  std::int64_t packets = 0;
  std::int64_t refused = 0;
  std::int64_t ticks_late = 0;
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;
};

class MixJob {
 public:
  using SourceKey = std::uint64_t;
  using Progress = std::function<void(const MixState& state)>;

  MixJob(Loop& loop, std::unique_ptr<UdpSocket> socket, Progress progress = nullptr);
  ~MixJob();

  std::uint16_t port() const { return socket_->port(); }
  void start(const StreamTarget& target, const MixSettings& settings);
  void set(const MixSettings& settings);
  void packet(SourceKey source, const RtpPacket& packet, Micros now);
  void remove(SourceKey source);
  MixState state() const;

  /** One step of 20 ms; public so that tests and benches need no timer. Returns the encoded bytes, 0 for silence. */
  int tick(Micros now);

 private:
  struct Source {
    Playout playout;
    std::unique_ptr<Processor> processor;
  };
  struct EncoderDeleter {
    void operator()(OpusEncoder* encoder) const;
  };
  void on_timer();
  void send(Bytes payload);
  void clean(Source& source, std::span<float> frame);

  Loop& loop_;
  std::unique_ptr<UdpSocket> socket_;
  std::unique_ptr<OpusEncoder, EncoderDeleter> encoder_;
  Progress progress_;
  std::map<SourceKey, Source> sources_;
  Mixer mixer_;
  MixSettings settings_;
  StreamTarget target_;
  MixState state_;
  bool is_marked_ = true;
  int silent_ticks_ = 0;
  Loop::TimerId timer_ = 0;
  Micros due_ = 0;
  Micros told_at_ = 0;
};

}  // namespace driftway
