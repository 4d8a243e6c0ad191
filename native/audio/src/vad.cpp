/** See vad.hpp. */
#include "vad.hpp"

#include <opus/opus.h>

#include <new>

namespace driftway {
namespace {

constexpr Micros kReorderHold = 60'000;
/** Packets come every 20 to 60 ms while somebody talks. */
constexpr Micros kQuietAfter = 120'000;
/** 120 ms at 16 kHz. */
constexpr int kSamplesMax = 1920;

}  // namespace

void Vad::DecoderDeleter::operator()(OpusDecoder* decoder) const { opus_decoder_destroy(decoder); }

Vad::Vad() : detector_(kHangoverMs), reorder_(kReorderHold), sink_([this](const OrderedPacket& packet) { ordered(packet); }), pcm_(kSamplesMax) {
  int error = 0;
  decoder_.reset(opus_decoder_create(VoiceDetector::kRate, 1, &error));
  if (decoder_ == nullptr) throw std::bad_alloc();
}

Vad::~Vad() = default;

bool Vad::packet(const RtpPacket& packet, Micros now) {
  reorder_.push(packet, now, sink_);
  heard_at_ = now;
  return detector_.is_talking();
}

bool Vad::poll(Micros now) {
  reorder_.poll(now, sink_);
  if (now - heard_at_ < kQuietAfter) return detector_.is_talking();
  const auto quiet_ms = static_cast<int>((now - heard_at_) / 1000);
  heard_at_ = now;
  return detector_.silence(quiet_ms);
}

void Vad::ordered(const OrderedPacket& packet) {
  if (packet.level == kLevelSilent) {
    detector_.silence(20);
    return;
  }
  const int samples = opus_decode(decoder_.get(), packet.payload.data(), static_cast<opus_int32>(packet.payload.size()), pcm_.data(), kSamplesMax, 0);
  for (int at = 0; at + VoiceDetector::kDetectorFrame <= samples; at += VoiceDetector::kDetectorFrame)
    detector_.process({pcm_.data() + at, VoiceDetector::kDetectorFrame});
}

}  // namespace driftway
