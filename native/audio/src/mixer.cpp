/** See mixer.hpp. */
#include "mixer.hpp"

#include <algorithm>
#include <cmath>

namespace driftway {
namespace {

constexpr float kCeiling = 0.98f;
/** Per frame of 20 ms: back to full loudness in about half a second. */
constexpr float kRelease = 0.04f;

}  // namespace

void Mixer::begin() { std::fill(sum_.begin(), sum_.end(), 0.0f); }

void Mixer::add(std::span<const float> samples, float gain) {
  const std::size_t length = std::min(samples.size(), sum_.size());
  for (std::size_t i = 0; i < length; ++i) sum_[i] += gain * samples[i];
}

std::span<const float> Mixer::finish() {
  float peak = 0.0f;
  for (const float sample : sum_) peak = std::max(peak, std::fabs(sample));
  const float wanted = peak > kCeiling ? kCeiling / peak : 1.0f;
  const float from = gain_;
  gain_ = wanted < gain_ ? wanted : std::min(wanted, gain_ + kRelease);
  // A falling gain falls within the first millisecond, a rising one over the frame: neither is heard as a click.
  const std::size_t ramp = gain_ < from ? std::min<std::size_t>(48, sum_.size()) : sum_.size();
  for (std::size_t i = 0; i < sum_.size(); ++i) {
    const float part = i < ramp ? static_cast<float>(i + 1) / static_cast<float>(ramp) : 1.0f;
    const float gain = from + (gain_ - from) * part;
    sum_[i] = std::clamp(sum_[i] * gain, -1.0f, 1.0f);
  }
  return sum_;
}

}  // namespace driftway
