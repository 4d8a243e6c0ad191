/** SHA-256 (FIPS 180-4) of what is written to a recording, block by block. Pure. */
#pragma once
#include <array>
#include <cstdint>
#include <string>

#include "rtp.hpp"

namespace driftway {

class Sha256 {
 public:
  void add(Bytes data);
  /** The digest in hexadecimal; the object is used up. */
  std::string finish();

 private:
  void block(const std::uint8_t* data);
  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> pending_{};
  std::size_t pending_bytes_ = 0;
  std::uint64_t total_bytes_ = 0;
};

}  // namespace driftway
