/** Tells whether one speaker talks, from the decoded sound: for features that must not trust the level that the sender writes. */
#pragma once
#include <memory>

#include "dsp.hpp"
#include "reorder.hpp"

struct OpusDecoder;

namespace driftway {

class Vad {
 public:
  static constexpr int kHangoverMs = 300;

  Vad();
  ~Vad();

  /** Each answers whether the speaker talks now. */
  bool packet(const RtpPacket& packet, Micros now);
  bool poll(Micros now);

 private:
  struct DecoderDeleter {
    void operator()(OpusDecoder* decoder) const;
  };
  void ordered(const OrderedPacket& packet);

  std::unique_ptr<OpusDecoder, DecoderDeleter> decoder_;
  VoiceDetector detector_;
  Reorder reorder_;
  Reorder::Sink sink_;
  Micros heard_at_ = 0;
  std::vector<std::int16_t> pcm_;
};

}  // namespace driftway
