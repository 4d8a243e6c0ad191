/** Adds speakers up without clipping: a limiter whose gain falls at once and comes back slowly. Pure. */
#pragma once
#include <span>
#include <vector>

namespace driftway {

class Mixer {
 public:
  explicit Mixer(std::size_t frame) : sum_(frame, 0.0f) {}

  void begin();
  void add(std::span<const float> samples, float gain);
  /** The limited sum, valid until the next begin. */
  std::span<const float> finish();
  float gain() const { return gain_; }

 private:
  std::vector<float> sum_;
  float gain_ = 1.0f;
};

}  // namespace driftway
