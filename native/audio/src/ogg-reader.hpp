/** Reads the packets of an Ogg/Opus file in order (RFC 7845). Files come from uploads: everything in them is checked and bounded. */
#pragma once
#include <ogg/ogg.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rtp.hpp"

namespace driftway {

class OggReader {
 public:
  struct Packet {
    /** Valid until the next call. */
    Bytes data;
    int samples = 0;
    bool is_stereo = false;
  };

  /** Takes over `fd`. */
  explicit OggReader(int fd);
  OggReader(const OggReader&) = delete;
  OggReader& operator=(const OggReader&) = delete;
  ~OggReader();

  /** Reads the two headers; false for what is no Opus file of one or two channels. */
  bool open();
  /** The next packet of audio; nothing at the end, and where the file is damaged. */
  std::optional<Packet> next();
  /** Back to the first packet of audio. */
  bool rewind();

  const std::vector<std::string>& comments() const { return comments_; }
  /** Packets that no decoder would take, left out. */
  std::int64_t invalid() const { return invalid_; }

 private:
  bool next_raw(ogg_packet& packet);
  bool read_page();
  bool read_comments(Bytes tags);

  int fd_;
  ogg_sync_state sync_{};
  ogg_stream_state stream_{};
  bool has_stream_ = false;
  std::vector<std::string> comments_;
  std::int64_t invalid_ = 0;
};

}  // namespace driftway
