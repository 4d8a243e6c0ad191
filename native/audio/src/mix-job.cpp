/** See mix-job.hpp. */
#include "mix-job.hpp"

#include <opus/opus.h>

#include <array>
#include <new>
#include <utility>

#include "opus-packet.hpp"

namespace driftway {
namespace {

constexpr int kTickSamples = 960;
constexpr Micros kTick = 20'000;
constexpr Micros kBehindMax = 200'000;
constexpr Micros kProgressEvery = 1'000'000;
constexpr int kComplexity = 5;
/** Listeners lose packets that the server never hears of: the encoder must be told to expect it, or it adds no correction. */
constexpr int kExpectedLossPercent = 5;
constexpr std::size_t kPayloadMax = 1200;
/** The encoder is given a little silence behind the last word, then nothing: its own DTX is for speech modes only. */
constexpr int kSilentTicksMax = 5;
/** What Opus makes of silence with DTX: nothing worth a packet. */
constexpr int kSilentBytes = 2;

}  // namespace

void MixJob::EncoderDeleter::operator()(OpusEncoder* encoder) const { opus_encoder_destroy(encoder); }

MixJob::MixJob(Loop& loop, std::unique_ptr<UdpSocket> socket, Progress progress)
    : loop_(loop), socket_(std::move(socket)), progress_(std::move(progress)), mixer_(kTickSamples) {
  int error = 0;
  encoder_.reset(opus_encoder_create(kOpusRate, 1, OPUS_APPLICATION_AUDIO, &error));
  if (encoder_ == nullptr) throw std::bad_alloc();
  opus_encoder_ctl(encoder_.get(), OPUS_SET_COMPLEXITY(kComplexity));
  opus_encoder_ctl(encoder_.get(), OPUS_SET_INBAND_FEC(1));
  opus_encoder_ctl(encoder_.get(), OPUS_SET_PACKET_LOSS_PERC(kExpectedLossPercent));
  opus_encoder_ctl(encoder_.get(), OPUS_SET_DTX(1));
}

MixJob::~MixJob() { loop_.cancel(timer_); }

void MixJob::start(const StreamTarget& target, const MixSettings& settings) {
  loop_.cancel(timer_);
  target_ = target;
  state_.sequence = target.sequence;
  state_.timestamp = target.timestamp;
  set(settings);
  due_ = monotonic_now() + kTick;
  timer_ = loop_.at(due_, [this] { on_timer(); });
}

void MixJob::set(const MixSettings& settings) {
  const bool is_chain_new = settings.noise != settings_.noise || settings.gain != settings_.gain;
  settings_ = settings;
  opus_encoder_ctl(encoder_.get(), OPUS_SET_BITRATE(settings.bitrate));
  if (!is_chain_new) return;
  for (auto& [_, source] : sources_) source.processor.reset();
}

void MixJob::packet(SourceKey source, const RtpPacket& packet, Micros now) { sources_[source].playout.packet(packet, now); }

void MixJob::remove(SourceKey source) { sources_.erase(source); }

MixState MixJob::state() const {
  MixState out = state_;
  out.sources = static_cast<int>(sources_.size());
  return out;
}

void MixJob::on_timer() {
  const Micros now = monotonic_now();
  if (now - due_ > kBehindMax) {
    state_.timestamp += static_cast<std::uint32_t>((now - due_) / kTick) * kTickSamples;
    due_ = now;
  }
  if (now - due_ > kTick) ++state_.ticks_late;
  while (due_ <= now) {
    tick(now);
    due_ += kTick;
  }
  timer_ = loop_.at(due_, [this] { on_timer(); });
  if (!progress_ || now - told_at_ < kProgressEvery) return;
  told_at_ = now;
  progress_(state());
}

int MixJob::tick(Micros now) {
  std::array<float, kTickSamples> frame;
  mixer_.begin();
  state_.talking = 0;
  for (auto& [_, source] : sources_) {
    if (!source.playout.pull(frame, now)) continue;
    ++state_.talking;
    clean(source, frame);
    mixer_.add(frame, 1.0f);
  }
  const auto sum = mixer_.finish();
  silent_ticks_ = state_.talking == 0 ? silent_ticks_ + 1 : 0;
  if (silent_ticks_ > kSilentTicksMax) {
    is_marked_ = true;
    state_.timestamp += kTickSamples;
    return 0;
  }
  std::array<std::uint8_t, kPayloadMax> payload;
  const int bytes = opus_encode_float(encoder_.get(), sum.data(), kTickSamples, payload.data(), kPayloadMax);
  const bool is_heard = bytes > kSilentBytes;
  if (is_heard) send({payload.data(), static_cast<std::size_t>(bytes)});
  else is_marked_ = true;
  state_.timestamp += kTickSamples;
  return is_heard ? bytes : 0;
}

void MixJob::send(Bytes payload) {
  std::array<std::uint8_t, kRtpHeaderBytes + kPayloadMax> datagram;
  RtpPacket packet;
  packet.marker = std::exchange(is_marked_, false);
  packet.payload_type = target_.payload_type;
  packet.sequence = state_.sequence++;
  packet.timestamp = state_.timestamp;
  packet.ssrc = target_.ssrc;
  packet.payload = payload;
  const std::size_t length = write_rtp(datagram, packet);
  if (socket_->send({datagram.data(), length}, target_.port)) ++state_.packets;
  else ++state_.refused;
}

void MixJob::clean(Source& source, std::span<float> frame) {
  if (!settings_.noise && !settings_.gain) return;
  if (source.processor == nullptr) {
    Processor::Options options;
    options.noise = settings_.noise ? Processor::Options::Noise::kHigh : Processor::Options::Noise::kOff;
    options.high_pass = settings_.noise;
    options.gain = settings_.gain;
    source.processor = std::make_unique<Processor>(options);
  }
  for (std::size_t at = 0; at + kFrame <= frame.size(); at += kFrame) source.processor->process(frame.subspan(at, kFrame));
}

}  // namespace driftway
