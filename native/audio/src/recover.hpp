/** Makes a whole file of what a killed process left: cuts behind the last whole page, marks the end of the stream, takes `.part` away. */
#pragma once
#include <optional>
#include <string>

namespace driftway {

struct Recovered {
  std::string file;
  std::int64_t samples = 0;
  std::int64_t bytes = 0;
  std::string sha256;
  /** From the file's comments. */
  std::string user;
  std::string ssrc;
  std::string offset;
};

/** `path` ends in `.part`. Nothing when there is not one page of audio in it: the file stays as it is. */
std::optional<Recovered> recover_recording(const std::string& path);

}  // namespace driftway
