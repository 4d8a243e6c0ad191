/**
 * Signal processing as functions on frames of 10 ms, mono: noise suppression, echo cancellation, gain, voice detection (Debian's
 * webrtc-audio-processing 0.3), a second suppressor and resampling (speexdsp). Each object is one stream's state; no threads.
 */
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace driftway {

/** Samples of 10 ms at 48 kHz. */
inline constexpr int kFrame = 480;

using Samples = std::span<float>;
using ConstSamples = std::span<const float>;

/** One microphone's chain at 48 kHz. */
class Processor {
 public:
  struct Options {
    enum class Noise { kOff, kModerate, kHigh, kVeryHigh };
    Noise noise = Noise::kOff;
    bool gain = false;
    bool high_pass = false;
    bool echo = false;
    /** From when a sample is played until it is heard by the microphone, as far as it is known. */
    int echo_delay_ms = 0;
  };

  explicit Processor(const Options& options);
  ~Processor();

  /** What the loudspeaker plays; before the microphone's frame of the same time. */
  void far_end(ConstSamples frame);
  /** In place. */
  void process(Samples frame);

 private:
  struct Apm;
  std::unique_ptr<Apm> apm_;
  int echo_delay_ms_;
};

/** speexdsp's suppressor at 48 kHz: the cheaper second choice. */
class SpeexSuppressor {
 public:
  explicit SpeexSuppressor(int suppress_db);
  ~SpeexSuppressor();
  void process(Samples frame);

 private:
  void* state_;
  std::vector<std::int16_t> pcm_;
};

/** Tells talk from pause at 16 kHz, with a hangover so that pauses between words are talk. */
class VoiceDetector {
 public:
  static constexpr int kRate = 16000;
  static constexpr int kDetectorFrame = 160;

  explicit VoiceDetector(int hangover_ms);
  ~VoiceDetector();
  /** One frame of 10 ms. */
  bool process(std::span<const std::int16_t> frame);
  /** Time without audio. */
  bool silence(int ms);
  bool is_talking() const { return left_ms_ > 0; }

 private:
  struct Detector;
  std::unique_ptr<Detector> detector_;
  int hangover_ms_;
  int left_ms_ = 0;
  int run_ = 0;
};

/** Whole signals, for tests and tools. */
std::vector<float> resample(ConstSamples from, int from_rate, int to_rate);

}  // namespace driftway
