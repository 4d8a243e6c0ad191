/** The two halves of the lab: how good the signal processing is, and how fast the process. Each prints one line of JSON. */
#pragma once
#include <string>

namespace driftway {

/** `speech` is a WAV file of 16 bits, mono, speech without noise. Returns the exit code. */
int measure_quality(const std::string& speech);

/** `seconds` of sound for each measurement. */
int measure_speed(int seconds);

}  // namespace driftway
