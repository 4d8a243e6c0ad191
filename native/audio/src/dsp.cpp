/** See dsp.hpp. */
#include "dsp.hpp"

#include <speex/speex_preprocess.h>
#include <speex/speex_resampler.h>
#include <webrtc/modules/audio_processing/include/audio_processing.h>
#include <webrtc/modules/interface/module_common_types.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace driftway {
namespace {

constexpr int kRate48 = 48000;
/** Frames of voice in a row before it counts: one click is no word. */
constexpr int kOnsetFrames = 3;

std::int16_t to_pcm(float sample) {
  return static_cast<std::int16_t>(std::lrint(std::clamp(sample, -1.0f, 1.0f) * 32767.0f));
}

webrtc::NoiseSuppression::Level level_of(Processor::Options::Noise noise) {
  switch (noise) {
    case Processor::Options::Noise::kModerate:
      return webrtc::NoiseSuppression::kModerate;
    case Processor::Options::Noise::kVeryHigh:
      return webrtc::NoiseSuppression::kVeryHigh;
    default:
      return webrtc::NoiseSuppression::kHigh;
  }
}

}  // namespace

struct Processor::Apm {
  std::unique_ptr<webrtc::AudioProcessing> apm;
  webrtc::StreamConfig stream{kRate48, 1};
};

Processor::Processor(const Options& options) : apm_(std::make_unique<Apm>()), echo_delay_ms_(options.echo_delay_ms) {
  webrtc::Config config;
  config.Set<webrtc::ExtendedFilter>(new webrtc::ExtendedFilter(true));
  config.Set<webrtc::DelayAgnostic>(new webrtc::DelayAgnostic(true));
  apm_->apm.reset(webrtc::AudioProcessing::Create(config));
  if (apm_->apm == nullptr) throw std::bad_alloc();
  auto& apm = *apm_->apm;
  apm.Initialize({{apm_->stream, apm_->stream, apm_->stream, apm_->stream}});
  apm.high_pass_filter()->Enable(options.high_pass);
  if (options.noise != Options::Noise::kOff) {
    apm.noise_suppression()->set_level(level_of(options.noise));
    apm.noise_suppression()->Enable(true);
  }
  if (options.echo) {
    apm.echo_cancellation()->enable_drift_compensation(false);
    apm.echo_cancellation()->set_suppression_level(webrtc::EchoCancellation::kModerateSuppression);
    apm.echo_cancellation()->Enable(true);
  }
  if (options.gain) {
    apm.gain_control()->set_mode(webrtc::GainControl::kAdaptiveDigital);
    apm.gain_control()->set_target_level_dbfs(6);
    apm.gain_control()->enable_limiter(true);
    apm.gain_control()->Enable(true);
  }
}

Processor::~Processor() = default;

void Processor::far_end(ConstSamples frame) {
  std::vector<float> played(frame.begin(), frame.end());
  float* channels[] = {played.data()};
  apm_->apm->ProcessReverseStream(channels, apm_->stream, apm_->stream, channels);
}

void Processor::process(Samples frame) {
  float* channels[] = {frame.data()};
  apm_->apm->set_stream_delay_ms(echo_delay_ms_);
  apm_->apm->ProcessStream(channels, apm_->stream, apm_->stream, channels);
}

SpeexSuppressor::SpeexSuppressor(int suppress_db) : state_(speex_preprocess_state_init(kFrame, kRate48)), pcm_(kFrame) {
  auto* state = static_cast<SpeexPreprocessState*>(state_);
  int on = 1;
  int decibel = -suppress_db;
  speex_preprocess_ctl(state, SPEEX_PREPROCESS_SET_DENOISE, &on);
  speex_preprocess_ctl(state, SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, &decibel);
}

SpeexSuppressor::~SpeexSuppressor() { speex_preprocess_state_destroy(static_cast<SpeexPreprocessState*>(state_)); }

void SpeexSuppressor::process(Samples frame) {
  std::transform(frame.begin(), frame.end(), pcm_.begin(), to_pcm);
  speex_preprocess_run(static_cast<SpeexPreprocessState*>(state_), pcm_.data());
  std::transform(pcm_.begin(), pcm_.end(), frame.begin(), [](std::int16_t sample) { return static_cast<float>(sample) / 32768.0f; });
}

struct VoiceDetector::Detector {
  std::unique_ptr<webrtc::AudioProcessing> apm;
  webrtc::AudioFrame frame;
};

VoiceDetector::VoiceDetector(int hangover_ms) : detector_(std::make_unique<Detector>()), hangover_ms_(hangover_ms) {
  detector_->apm.reset(webrtc::AudioProcessing::Create());
  if (detector_->apm == nullptr) throw std::bad_alloc();
  auto& apm = *detector_->apm;
  const webrtc::StreamConfig stream(kRate, 1);
  apm.Initialize({{stream, stream, stream, stream}});
  apm.high_pass_filter()->Enable(true);
  // The suppressor lets the detector see speech, not the room.
  apm.noise_suppression()->set_level(webrtc::NoiseSuppression::kHigh);
  apm.noise_suppression()->Enable(true);
  apm.voice_detection()->set_likelihood(webrtc::VoiceDetection::kVeryLowLikelihood);
  apm.voice_detection()->Enable(true);
  detector_->frame.num_channels_ = 1;
  detector_->frame.sample_rate_hz_ = kRate;
  detector_->frame.samples_per_channel_ = kDetectorFrame;
}

VoiceDetector::~VoiceDetector() = default;

bool VoiceDetector::process(std::span<const std::int16_t> frame) {
  auto& audio = detector_->frame;
  std::copy_n(frame.begin(), std::min<std::size_t>(frame.size(), kDetectorFrame), audio.data_);
  audio.vad_activity_ = webrtc::AudioFrame::kVadUnknown;
  detector_->apm->ProcessStream(&audio);
  const bool is_voice = detector_->apm->voice_detection()->stream_has_voice();
  run_ = is_voice ? run_ + 1 : 0;
  if (run_ >= kOnsetFrames || (is_voice && left_ms_ > 0)) left_ms_ = hangover_ms_;
  else left_ms_ = std::max(0, left_ms_ - 10);
  return left_ms_ > 0;
}

bool VoiceDetector::silence(int ms) {
  run_ = 0;
  left_ms_ = std::max(0, left_ms_ - ms);
  return left_ms_ > 0;
}

std::vector<float> resample(ConstSamples from, int from_rate, int to_rate) {
  int error = 0;
  SpeexResamplerState* state =
      speex_resampler_init(1, static_cast<spx_uint32_t>(from_rate), static_cast<spx_uint32_t>(to_rate), 8, &error);
  if (state == nullptr) throw std::bad_alloc();
  speex_resampler_skip_zeros(state);
  std::vector<float> out(from.size() * static_cast<std::size_t>(to_rate) / static_cast<std::size_t>(from_rate) + 64);
  auto in_length = static_cast<spx_uint32_t>(from.size());
  auto out_length = static_cast<spx_uint32_t>(out.size());
  speex_resampler_process_float(state, 0, from.data(), &in_length, out.data(), &out_length);
  speex_resampler_destroy(state);
  out.resize(out_length);
  return out;
}

}  // namespace driftway
