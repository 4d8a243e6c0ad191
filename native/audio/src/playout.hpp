/**
 * Turns one speaker's packets into an even flow of samples: a jitter buffer by RTP time with a delay that follows the network, Opus decoding,
 * forward error correction and concealment. One per source of a mix.
 */
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "reorder.hpp"

struct OpusDecoder;

namespace driftway {

class Playout {
 public:
  static constexpr int kPacketsMax = 64;

  struct Counters {
    std::int64_t decoded = 0;
    std::int64_t concealed = 0;
    std::int64_t corrected = 0;
    std::int64_t late = 0;
    std::int64_t dropped = 0;
  };

  Playout();
  ~Playout();

  void packet(const RtpPacket& packet, Micros now);
  /** The next samples, mono at 48 kHz. False when this speaker is silent: `out` is then left alone. */
  bool pull(std::span<float> out, Micros now);

  const Counters& counters() const { return counters_; }
  int delay_ms() const { return delay_ms_; }

 private:
  struct Entry {
    std::vector<std::uint8_t> payload;
  };
  struct DecoderDeleter {
    void operator()(OpusDecoder* decoder) const;
  };
  /** Decodes, corrects or conceals once; false when the speaker fell silent. */
  bool advance();
  void decode(Bytes payload, int samples, bool is_correction);
  void drop_late();
  void note_late();

  std::unique_ptr<OpusDecoder, DecoderDeleter> decoder_;
  std::map<std::int64_t, Entry> packets_;
  std::vector<float> pcm_;
  std::vector<float> scratch_;
  bool has_time_ = false;
  std::int64_t last_timestamp_ = 0;
  /** Talking: `play_at_` is the RTP time of the next sample to decode. */
  bool is_playing_ = false;
  std::int64_t play_at_ = 0;
  Micros begins_at_ = 0;
  int concealed_run_ = 0;
  int delay_ms_;
  int late_run_ = 0;
  Counters counters_;
};

}  // namespace driftway
