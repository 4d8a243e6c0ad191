/** See playout.hpp. */
#include "playout.hpp"

#include <opus/opus.h>

#include <algorithm>
#include <new>

#include "opus-packet.hpp"

namespace driftway {
namespace {

constexpr int kDelayMinMs = 40;
constexpr int kDelayMaxMs = 200;
constexpr int kDelayStepMs = 20;
/** Packets too late since the delay was last changed, before it grows. */
constexpr int kLateMax = 2;
constexpr int kConcealSamples = 960;
/** 100 ms without a packet: the speaker is silent. */
constexpr int kConcealedRunMax = 5;
/** A hole longer than this is jumped over; a shorter one is comfort noise of DTX. */
constexpr std::int64_t kHoleMax = 24000;

}  // namespace

void Playout::DecoderDeleter::operator()(OpusDecoder* decoder) const { opus_decoder_destroy(decoder); }

Playout::Playout() : scratch_(kOpusPacketSamplesMax), delay_ms_(kDelayMinMs) {
  int error = 0;
  decoder_.reset(opus_decoder_create(kOpusRate, 1, &error));
  if (decoder_ == nullptr) throw std::bad_alloc();
}

Playout::~Playout() = default;

void Playout::packet(const RtpPacket& packet, Micros now) {
  // Silence by the sender's own measure is not worth a decoder's time.
  if (packet.level == kLevelSilent && !is_playing_) return;
  if (!opus_packet_facts(packet.payload)) {
    ++counters_.dropped;
    return;
  }
  if (!has_time_) last_timestamp_ = std::int64_t{1} << 32;
  const auto step = has_time_ ? static_cast<std::int32_t>(packet.timestamp - static_cast<std::uint32_t>(last_timestamp_)) : 0;
  const std::int64_t timestamp = has_time_ ? last_timestamp_ + step : last_timestamp_ + packet.timestamp;
  has_time_ = true;
  last_timestamp_ = std::max(last_timestamp_, timestamp);
  // A sender that began anew: its time has nothing to do with ours.
  if (step < -10 * kOpusRate || step > 10 * kOpusRate) {
    packets_.clear();
    is_playing_ = false;
    last_timestamp_ = timestamp;
  }
  if (is_playing_ && timestamp < play_at_) {
    note_late();
    return;
  }
  if (!is_playing_) {
    is_playing_ = true;
    play_at_ = timestamp;
    begins_at_ = now + delay_ms_ * 1000;
    concealed_run_ = 0;
  }
  if (packets_.size() >= kPacketsMax) {
    packets_.erase(packets_.begin());
    ++counters_.dropped;
  }
  packets_[timestamp].payload.assign(packet.payload.begin(), packet.payload.end());
}

void Playout::note_late() {
  ++counters_.late;
  if (++late_run_ <= kLateMax || delay_ms_ >= kDelayMaxMs) return;
  // One step back in RTP time delays everything after it by as much.
  late_run_ = 0;
  delay_ms_ += kDelayStepMs;
  play_at_ -= kOpusRate / 1000 * kDelayStepMs;
}

bool Playout::pull(std::span<float> out, Micros now) {
  if (!is_playing_ || now < begins_at_) return false;
  while (pcm_.size() < out.size()) {
    if (advance()) continue;
    // The rest of what was said goes out with silence behind it.
    is_playing_ = false;
    delay_ms_ = std::max(kDelayMinMs, delay_ms_ - kDelayStepMs / 4);
    late_run_ = 0;
    if (pcm_.empty()) return false;
    pcm_.resize(out.size(), 0.0f);
  }
  std::copy_n(pcm_.begin(), out.size(), out.begin());
  pcm_.erase(pcm_.begin(), pcm_.begin() + static_cast<std::ptrdiff_t>(out.size()));
  return true;
}

bool Playout::advance() {
  drop_late();
  if (packets_.empty()) {
    if (++concealed_run_ > kConcealedRunMax) return false;
    decode({}, kConcealSamples, false);
    return true;
  }
  const auto first = packets_.begin();
  const std::int64_t hole = first->first - play_at_;
  if (hole > kHoleMax) {
    play_at_ = first->first;
  } else if (hole >= kConcealSamples) {
    // The packet behind a hole of one frame carries a copy of it, if the sender made one.
    const bool is_next = hole == kConcealSamples;
    decode(is_next ? Bytes(first->second.payload) : Bytes(), kConcealSamples, is_next);
  } else {
    concealed_run_ = 0;
    play_at_ = first->first;
    const auto facts = opus_packet_facts(first->second.payload);
    decode(first->second.payload, facts->samples, false);
    packets_.erase(first);
  }
  return true;
}

void Playout::decode(Bytes payload, int samples, bool is_correction) {
  const int got = opus_decode_float(decoder_.get(), payload.empty() ? nullptr : payload.data(), static_cast<opus_int32>(payload.size()),
                                    scratch_.data(), samples, is_correction ? 1 : 0);
  // A packet that the decoder refuses all the same takes its time as silence.
  if (got < samples) std::fill(scratch_.begin() + std::max(0, got), scratch_.begin() + samples, 0.0f);
  pcm_.insert(pcm_.end(), scratch_.begin(), scratch_.begin() + samples);
  play_at_ += samples;
  if (payload.empty()) ++counters_.concealed;
  else if (is_correction) ++counters_.corrected;
  else ++counters_.decoded;
}

void Playout::drop_late() {
  while (!packets_.empty() && packets_.begin()->first < play_at_) {
    packets_.erase(packets_.begin());
    note_late();
  }
}

}  // namespace driftway
