/**
 * RNNoise as a suppressor for single streams (2 to 3 % of a core each): the library's WebAssembly build, translated to C by wasm2c and compiled
 * in. Optional: without wasm2c at build time it is not there, and `is_available` says so.
 */
#pragma once
#include <memory>

#include "dsp.hpp"

namespace driftway {

class Rnnoise {
 public:
  static bool is_available();

  Rnnoise();
  ~Rnnoise();
  /** One frame of 10 ms, in place. Returns how sure it is that somebody speaks, 0 to 1. */
  float process(Samples frame);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace driftway
