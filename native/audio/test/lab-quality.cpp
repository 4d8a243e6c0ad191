/**
 * How good suppression, echo cancellation and voice detection are, on speech with made-up noise and a made-up room. Speech and pauses are told
 * apart on the clean recording, so that what is measured is not what judges.
 */
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <optional>
#include <vector>

#include "dsp.hpp"
#include "json.hpp"
#include "lab.hpp"
#include "rnnoise.hpp"
#include "support.hpp"

namespace driftway {
namespace {

using Signal = std::vector<float>;
/** Per frame of 10 ms. */
enum class Kind { kSpeech, kPause, kNeither };

constexpr std::size_t kSeconds = 40;
constexpr std::size_t kLength = kSeconds * 48000;
constexpr int kSettleFrames = 300;

double decibel(double ratio) { return 10 * std::log10(std::max(ratio, 1e-12)); }

double power(const Signal& signal, std::size_t frame) {
  double sum = 0;
  for (std::size_t i = frame * kFrame; i < (frame + 1) * kFrame; ++i) sum += double{signal[i]} * signal[i];
  return sum / kFrame;
}

std::uint32_t le(const std::vector<std::uint8_t>& from, std::size_t at, int bytes) {
  std::uint32_t out = 0;
  for (int i = 0; i < bytes; ++i) out |= std::uint32_t{from[at + static_cast<std::size_t>(i)]} << (8 * i);
  return out;
}

std::optional<Signal> read_wav(const std::string& path) {
  const auto file = read_file(path);
  if (file.size() < 44 || std::memcmp(file.data(), "RIFF", 4) != 0) return std::nullopt;
  int rate = 0;
  for (std::size_t at = 12; at + 8 <= file.size();) {
    const std::size_t length = le(file, at + 4, 4);
    if (std::memcmp(file.data() + at, "fmt ", 4) == 0) {
      if (le(file, at + 10, 2) != 1 || le(file, at + 22, 2) != 16) return std::nullopt;
      rate = static_cast<int>(le(file, at + 12, 4));
    }
    if (std::memcmp(file.data() + at, "data", 4) == 0 && rate > 0) {
      Signal pcm;
      for (std::size_t i = at + 8; i + 2 <= std::min(file.size(), at + 8 + length); i += 2)
        pcm.push_back(static_cast<float>(static_cast<std::int16_t>(le(file, i, 2))) / 32768.0f);
      return resample(pcm, rate, 48000);
    }
    at += 8 + length + (length & 1);
  }
  return std::nullopt;
}

/** Speech with pauses of a second between repetitions, `kSeconds` long, at a level of -23 dB. */
Signal corpus(const Signal& speech, std::size_t shift) {
  Signal out(kLength, 0.0f);
  std::size_t at = 48000;
  for (std::size_t i = shift % speech.size(); at < kLength; ++at) {
    out[at] = speech[i];
    if (++i == speech.size()) {
      i = 0;
      at += 96000;
    }
  }
  double sum = 0;
  std::size_t count = 0;
  for (const float sample : out) {
    if (std::fabs(sample) < 0.003f) continue;
    sum += double{sample} * sample;
    ++count;
  }
  const double gain = 0.0708 / std::sqrt(sum / static_cast<double>(std::max<std::size_t>(1, count)));
  for (float& sample : out) sample = static_cast<float>(sample * gain);
  return out;
}

/** Brown noise: a room with a fan. */
Signal noise(double level_db) {
  Chance chance(11);
  Signal out(kLength);
  double state = 0;
  double sum = 0;
  for (float& sample : out) {
    state = 0.98 * state + (chance.share() - 0.5);
    sample = static_cast<float>(state);
    sum += state * state;
  }
  const double gain = std::pow(10, level_db / 20) / std::sqrt(sum / static_cast<double>(kLength));
  for (float& sample : out) sample = static_cast<float>(sample * gain);
  return out;
}

std::vector<Kind> kinds_of(const Signal& clean) {
  const std::size_t frames = clean.size() / kFrame;
  std::vector<Kind> out(frames, Kind::kNeither);
  for (std::size_t i = 0; i < frames; ++i) {
    if (power(clean, i) > std::pow(10, -4.0)) out[i] = Kind::kSpeech;
  }
  // A pause is where nothing was said for 400 ms before and 100 ms after.
  for (std::size_t i = 40; i + 10 < frames; ++i) {
    double loudest = 0;
    for (std::size_t k = i - 40; k <= i + 10; ++k) loudest = std::max(loudest, power(clean, k));
    if (loudest < 1e-6) out[i] = Kind::kPause;
  }
  return out;
}

Signal sum(const Signal& a, const Signal& b) {
  Signal out(a);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] += b[i];
  return out;
}

double mean_power(const Signal& signal, const std::vector<Kind>& kinds, Kind kind) {
  double total = 0;
  int count = 0;
  for (std::size_t i = kSettleFrames; i < kinds.size(); ++i) {
    if (kinds[i] != kind) continue;
    total += power(signal, i);
    ++count;
  }
  return count == 0 ? 0 : total / count;
}

std::string suppression(const Signal& clean, const std::function<void(Samples)>& process) {
  const auto kinds = kinds_of(clean);
  const Signal noisy = sum(clean, noise(-43));
  Signal out = noisy;
  for (std::size_t i = 0; i + kFrame <= out.size(); i += kFrame) process({out.data() + i, kFrame});
  JsonLine line;
  line.real("pausesDb", decibel(mean_power(noisy, kinds, Kind::kPause) / mean_power(out, kinds, Kind::kPause)))
      .real("speechLossDb", decibel(mean_power(clean, kinds, Kind::kSpeech) / mean_power(out, kinds, Kind::kSpeech)));
  return line.take();
}

/** Far speech comes back after 40 ms by two ways; near speech only in part of the time. */
std::string echo(const Signal& speech) {
  const Signal far = corpus(speech, 0);
  Signal near = corpus(speech, speech.size() / 2);
  for (std::size_t i = 0; i < near.size(); ++i)
    if (i < 10 * 48000 || i > 18 * 48000) near[i] = 0;
  Signal echoed(kLength, 0.0f);
  for (std::size_t i = 2400; i < kLength; ++i) echoed[i] = 0.5f * far[i - 1920] + 0.25f * far[i - 2304];
  Processor::Options options;
  options.echo = true;
  options.high_pass = true;
  options.noise = Processor::Options::Noise::kModerate;
  options.echo_delay_ms = 40;
  Processor processor(options);
  Signal out = sum(echoed, near);
  for (std::size_t i = 0; i + kFrame <= out.size(); i += kFrame) {
    processor.far_end({far.data() + i, kFrame});
    processor.process({out.data() + i, kFrame});
  }
  double before = 0;
  double after = 0;
  double near_power = 0;
  double near_left = 0;
  for (std::size_t i = 500; i < kLength / kFrame; ++i) {
    const bool is_near = power(near, i) > 1e-4;
    const bool is_double_talk_time = i >= 1000 && i <= 1840;
    if (is_near) {
      near_power += power(near, i);
      near_left += power(out, i);
    } else if (!is_double_talk_time && power(echoed, i) > 1e-5) {
      before += power(echoed, i);
      after += power(out, i);
    }
  }
  JsonLine line;
  line.real("erleDb", decibel(before / after)).real("nearLossDb", decibel(near_power / near_left));
  return line.take();
}

std::string detection(const Signal& clean, double noise_db) {
  const auto kinds = kinds_of(clean);
  const Signal heard = resample(sum(clean, noise(noise_db)), 48000, VoiceDetector::kRate);
  VoiceDetector detector(300);
  int speech = 0, found = 0, pauses = 0, wrong = 0;
  for (std::size_t i = 0; i < kinds.size() && (i + 1) * VoiceDetector::kDetectorFrame <= heard.size(); ++i) {
    std::int16_t pcm[VoiceDetector::kDetectorFrame];
    for (std::size_t k = 0; k < VoiceDetector::kDetectorFrame; ++k)
      pcm[k] = static_cast<std::int16_t>(std::lrint(std::clamp(heard[i * VoiceDetector::kDetectorFrame + k], -1.0f, 1.0f) * 32767));
    const bool is_talking = detector.process(pcm);
    if (i < kSettleFrames) continue;
    if (kinds[i] == Kind::kSpeech) {
      ++speech;
      found += is_talking ? 1 : 0;
    } else if (kinds[i] == Kind::kPause) {
      ++pauses;
      wrong += is_talking ? 1 : 0;
    }
  }
  JsonLine line;
  line.real("found", static_cast<double>(found) / std::max(1, speech))
      .real("falseAlarms", static_cast<double>(wrong) / std::max(1, pauses))
      .number("speechFrames", speech)
      .number("pauseFrames", pauses);
  return line.take();
}

}  // namespace

int measure_quality(const std::string& path) {
  const auto speech = read_wav(path);
  if (!speech || speech->size() < 48000) {
    std::fputs("read the speech: wanted a WAV file of 16 bits, mono, a second or more\n", stderr);
    return 1;
  }
  const Signal clean = corpus(*speech, 0);
  Processor::Options options;
  options.noise = Processor::Options::Noise::kHigh;
  Processor webrtc(options);
  SpeexSuppressor speex(25);
  JsonLine line;
  line.raw("webrtc", suppression(clean, [&](Samples frame) { webrtc.process(frame); }))
      .raw("speex", suppression(clean, [&](Samples frame) { speex.process(frame); }));
  if (Rnnoise::is_available()) {
    Rnnoise rnnoise;
    line.raw("rnnoise", suppression(clean, [&](Samples frame) { rnnoise.process(frame); }));
  }
  line.raw("echo", echo(*speech)).raw("vadQuiet", detection(clean, -60)).raw("vadNoisy", detection(clean, -43));
  std::puts(line.take().c_str());
  return 0;
}

}  // namespace driftway
