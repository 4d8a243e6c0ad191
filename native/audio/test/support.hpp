/** What the tests, the fuzzers and the lab share: a seeded source of chance, made-up RTP, folders that go away again. */
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "rtp.hpp"

namespace driftway {

/** xorshift64*: the same seed, the same run, on every machine. */
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed * 2685821657736338717ull + 1) {}
  std::uint64_t next();
  /** In [0, below). */
  std::uint64_t below(std::uint64_t below) { return next() % below; }
  /** In [0, 1). */
  double share() { return static_cast<double>(next() >> 11) / 9007199254740992.0; }

 private:
  std::uint64_t state_;
};

/** One Opus packet with a legal header and content that no decoder was asked about: `config` as in RFC 6716, one frame. */
std::vector<std::uint8_t> made_opus(Chance& chance, int config, std::size_t bytes);

/** A whole datagram. */
std::vector<std::uint8_t> made_rtp(std::uint32_t ssrc, std::uint16_t sequence, std::uint32_t timestamp, Bytes payload, std::uint8_t payload_type = 100);

/** One second of tone and its like, for what is really encoded. */
std::vector<float> made_tone(double hertz, double seconds, double loudness);

/** Encodes mono 48 kHz samples into packets of 20 ms. */
std::vector<std::vector<std::uint8_t>> encoded(const std::vector<float>& samples, int bitrate, bool is_dtx);

/** A new folder below the system's temporary one; removed with all in it at the end of its life. */
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }
  /** A descriptor that the caller closes. */
  int open() const;
  std::vector<std::string> names() const;

 private:
  std::string path_;
};

std::vector<std::uint8_t> read_file(const std::string& path);
void write_file(const std::string& path, Bytes content);

}  // namespace driftway
