/**
 * Writes one Ogg/Opus file (RFC 7845) packet by packet, without looking inside the packets. Every page goes to the kernel when it is full or
 * a second old, so that a killed process loses at most a second; the file is called `<name>.part` until it is closed.
 */
#pragma once
#include <ogg/ogg.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rtp.hpp"
#include "sha256.hpp"

namespace driftway {

/** Samples at the start that players drop: the delay of every Opus encoder at 48 kHz. */
inline constexpr int kPreSkip = 312;

class OggWriter {
 public:
  struct Options {
    /** Folder, opened by the caller; the file is made below it and nowhere else. */
    int folder_fd = -1;
    /** Without `.part`. */
    std::string name;
    int channels = 1;
    std::uint32_t serial = 0;
    std::vector<std::pair<std::string, std::string>> comments;
  };

  /** Makes `<name>.part`, which must not exist. Nothing on failure, with errno. */
  static std::optional<OggWriter> create(const Options& options);

  OggWriter(OggWriter&& other) noexcept;
  OggWriter& operator=(OggWriter&&) = delete;
  OggWriter(const OggWriter&) = delete;
  ~OggWriter();

  /** One packet of `samples`. False when the disk refused; the file is whole up to the last page. */
  bool packet(Bytes data, int samples);
  /** Gives what is buffered to the kernel. */
  bool flush();
  /** Ends the stream and takes the `.part` away from its name. False when the disk refused. */
  bool close();

  /** Samples at 48 kHz since the start, with the pre-skip. */
  std::int64_t samples() const { return granule_; }
  std::int64_t bytes() const { return bytes_; }
  const std::string& name() const { return name_; }
  /** After close() only. */
  const std::string& sha256() const { return digest_; }

 private:
  OggWriter(int folder_fd, int fd, std::string name);
  bool headers(const Options& options);
  bool submit(Bytes data, std::int64_t granule, bool is_last);
  bool write_pages(bool is_forced);

  int folder_fd_;
  int fd_;
  std::string name_;
  ogg_stream_state stream_{};
  bool is_open_ = true;
  std::int64_t granule_ = 0;
  std::int64_t flushed_granule_ = 0;
  std::int64_t packets_ = 0;
  std::int64_t bytes_ = 0;
  /** One packet is held back: the last one of a stream carries its end. */
  std::vector<std::uint8_t> held_;
  int held_samples_ = 0;
  Sha256 hash_;
  std::string digest_;
};

}  // namespace driftway
