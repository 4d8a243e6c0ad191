/** See ogg-reader.hpp. */
#include "ogg-reader.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "opus-packet.hpp"

namespace driftway {
namespace {

constexpr long kReadBytes = 8192;
/** Without a page in this much, it is no Ogg file. */
constexpr int kReadsPerPageMax = 64;
constexpr std::size_t kCommentsMax = 64;
constexpr std::size_t kCommentBytesMax = 4096;

bool starts_with(const ogg_packet& packet, std::string_view magic) {
  return packet.bytes >= static_cast<long>(magic.size()) && std::memcmp(packet.packet, magic.data(), magic.size()) == 0;
}

std::uint32_t read_le32(Bytes from, std::size_t at) {
  return from[at] | (std::uint32_t{from[at + 1]} << 8) | (std::uint32_t{from[at + 2]} << 16) | (std::uint32_t{from[at + 3]} << 24);
}

}  // namespace

OggReader::OggReader(int fd) : fd_(fd) { ogg_sync_init(&sync_); }

OggReader::~OggReader() {
  if (has_stream_) ogg_stream_clear(&stream_);
  ogg_sync_clear(&sync_);
  ::close(fd_);
}

bool OggReader::open() {
  ogg_packet packet;
  if (!next_raw(packet) || !starts_with(packet, "OpusHead") || packet.bytes < 19) return false;
  const bool is_known = (packet.packet[8] & 0xf0) == 0;
  const int channels = packet.packet[9];
  const int mapping = packet.packet[18];
  if (!is_known || channels < 1 || channels > 2 || mapping != 0) return false;
  if (!next_raw(packet) || !starts_with(packet, "OpusTags")) return false;
  return read_comments({packet.packet, static_cast<std::size_t>(packet.bytes)});
}

bool OggReader::read_comments(Bytes tags) {
  comments_.clear();
  std::size_t at = 8;
  if (at + 4 > tags.size()) return false;
  const std::size_t vendor = read_le32(tags, at);
  at += 4;
  if (vendor > tags.size() - at || tags.size() - at - vendor < 4) return false;
  at += vendor;
  const std::size_t count = read_le32(tags, at);
  at += 4;
  for (std::size_t i = 0; i < count && i < kCommentsMax; ++i) {
    if (at + 4 > tags.size()) return false;
    const std::size_t length = read_le32(tags, at);
    at += 4;
    if (length > tags.size() - at) return false;
    if (length <= kCommentBytesMax) comments_.emplace_back(tags.begin() + static_cast<long>(at), tags.begin() + static_cast<long>(at + length));
    at += length;
  }
  return true;
}

std::optional<OggReader::Packet> OggReader::next() {
  ogg_packet packet;
  while (next_raw(packet)) {
    const Bytes data{packet.packet, static_cast<std::size_t>(packet.bytes)};
    if (const auto facts = opus_packet_facts(data)) return Packet{data, facts->samples, facts->is_stereo};
    ++invalid_;
  }
  return std::nullopt;
}

bool OggReader::rewind() {
  if (::lseek(fd_, 0, SEEK_SET) != 0) return false;
  ogg_sync_reset(&sync_);
  if (has_stream_) ogg_stream_clear(&stream_);
  has_stream_ = false;
  return open();
}

bool OggReader::next_raw(ogg_packet& packet) {
  for (;;) {
    const int found = has_stream_ ? ogg_stream_packetout(&stream_, &packet) : 0;
    if (found == 1) return true;
    // A hole (-1) is jumped over: what follows it is whole again.
    if (found == 0 && !read_page()) return false;
  }
}

bool OggReader::read_page() {
  ogg_page page;
  for (int reads = 0; reads < kReadsPerPageMax;) {
    if (ogg_sync_pageout(&sync_, &page) == 1) {
      if (!has_stream_) {
        if (ogg_page_bos(&page) == 0 || ogg_stream_init(&stream_, ogg_page_serialno(&page)) != 0) return false;
        has_stream_ = true;
      }
      // Pages of other streams are passed over.
      if (ogg_stream_pagein(&stream_, &page) == 0) return true;
      continue;
    }
    char* buffer = ogg_sync_buffer(&sync_, kReadBytes);
    if (buffer == nullptr) return false;
    const ssize_t got = ::read(fd_, buffer, kReadBytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    ogg_sync_wrote(&sync_, got);
    ++reads;
  }
  return false;
}

}  // namespace driftway
