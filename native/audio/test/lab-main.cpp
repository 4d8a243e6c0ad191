/** audio-lab: `quality SPEECH.wav`, `speed SECONDS`, `--version`. */
#include <cstdio>
#include <cstdlib>
#include <string>

#include "lab.hpp"

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "--version") {
    std::puts("driftway-audio lab");
    return 0;
  }
  if (verb == "quality" && argc == 3) return driftway::measure_quality(argv[2]);
  if (verb == "speed" && argc == 3) return driftway::measure_speed(std::atoi(argv[2]));
  std::fputs("use: audio-lab quality SPEECH.wav | speed SECONDS\n", stderr);
  return 2;
}
