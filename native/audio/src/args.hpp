/** Reads the arguments of one request: each with its type and range, the first fault is remembered by name. Pure. */
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "json.hpp"

namespace driftway {

class Args {
 public:
  explicit Args(const Json& request) : request_(request) {}

  std::int64_t integer(std::string_view key, std::int64_t min, std::int64_t max);
  std::int64_t integer_or(std::string_view key, std::int64_t min, std::int64_t max, std::int64_t otherwise);
  bool boolean_or(std::string_view key, bool otherwise);
  /** A plain name (folder.hpp). */
  std::string name(std::string_view key);
  /** Names with '/' between them, up to 512 bytes; checked again when opened. */
  std::string path(std::string_view key);

  bool is_good() const { return fault_.empty(); }
  /** The first argument that is missing or wrong. */
  const std::string& fault() const { return fault_; }

 private:
  void refuse(std::string_view key);
  const Json& request_;
  std::string fault_;
};

}  // namespace driftway
