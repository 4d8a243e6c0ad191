/** See ogg-writer.hpp. */
#include "ogg-writer.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace driftway {
namespace {

constexpr int kPageSamplesMax = 48000;

void put_le(std::vector<std::uint8_t>& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void put_text(std::vector<std::uint8_t>& out, const std::string& text) {
  out.insert(out.end(), text.begin(), text.end());
}

bool write_all(int fd, const unsigned char* data, long length) {
  while (length > 0) {
    const ssize_t written = ::write(fd, data, static_cast<std::size_t>(length));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data += written;
    length -= written;
  }
  return true;
}

}  // namespace

std::optional<OggWriter> OggWriter::create(const Options& options) {
  const std::string part = options.name + ".part";
  const int fd = ::openat(options.folder_fd, part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
  if (fd < 0) return std::nullopt;
  OggWriter writer(options.folder_fd, fd, options.name);
  if (ogg_stream_init(&writer.stream_, static_cast<int>(options.serial)) != 0) return std::nullopt;
  if (!writer.headers(options)) return std::nullopt;
  return writer;
}

OggWriter::OggWriter(int folder_fd, int fd, std::string name) : folder_fd_(folder_fd), fd_(fd), name_(std::move(name)) {}

OggWriter::OggWriter(OggWriter&& other) noexcept
    : folder_fd_(other.folder_fd_),
      fd_(std::exchange(other.fd_, -1)),
      name_(std::move(other.name_)),
      stream_(std::exchange(other.stream_, ogg_stream_state{})),
      is_open_(std::exchange(other.is_open_, false)),
      granule_(other.granule_),
      flushed_granule_(other.flushed_granule_),
      packets_(other.packets_),
      bytes_(other.bytes_),
      held_(std::move(other.held_)),
      held_samples_(other.held_samples_),
      hash_(other.hash_),
      digest_(std::move(other.digest_)) {}

OggWriter::~OggWriter() {
  ogg_stream_clear(&stream_);
  if (fd_ >= 0) ::close(fd_);
}

bool OggWriter::headers(const Options& options) {
  std::vector<std::uint8_t> head;
  put_text(head, "OpusHead");
  put_le(head, 1, 1);
  put_le(head, static_cast<std::uint64_t>(options.channels), 1);
  put_le(head, kPreSkip, 2);
  put_le(head, 48000, 4);
  put_le(head, 0, 2);
  put_le(head, 0, 1);
  std::vector<std::uint8_t> tags;
  put_text(tags, "OpusTags");
  const std::string vendor = "driftway-audio";
  put_le(tags, vendor.size(), 4);
  put_text(tags, vendor);
  put_le(tags, options.comments.size(), 4);
  for (const auto& [name, value] : options.comments) {
    const std::string comment = name + "=" + value;
    put_le(tags, comment.size(), 4);
    put_text(tags, comment);
  }
  // Each header ends its page.
  return submit(head, 0, false) && write_pages(true) && submit(tags, 0, false) && write_pages(true);
}

bool OggWriter::submit(Bytes data, std::int64_t granule, bool is_last) {
  ogg_packet packet{};
  packet.packet = const_cast<unsigned char*>(data.data());
  packet.bytes = static_cast<long>(data.size());
  packet.b_o_s = packets_ == 0 ? 1 : 0;
  packet.e_o_s = is_last ? 1 : 0;
  packet.granulepos = granule;
  packet.packetno = packets_++;
  return ogg_stream_packetin(&stream_, &packet) == 0;
}

bool OggWriter::packet(Bytes data, int samples) {
  if (!is_open_) return false;
  bool is_good = true;
  if (!held_.empty()) {
    granule_ += held_samples_;
    is_good = submit(held_, granule_, false) && write_pages(granule_ - flushed_granule_ >= kPageSamplesMax);
  }
  held_.assign(data.begin(), data.end());
  held_samples_ = samples;
  return is_good;
}

bool OggWriter::flush() { return is_open_ && write_pages(true); }

bool OggWriter::write_pages(bool is_forced) {
  ogg_page page;
  while ((is_forced ? ogg_stream_flush(&stream_, &page) : ogg_stream_pageout(&stream_, &page)) != 0) {
    if (!write_all(fd_, page.header, page.header_len) || !write_all(fd_, page.body, page.body_len)) {
      is_open_ = false;
      return false;
    }
    hash_.add({page.header, static_cast<std::size_t>(page.header_len)});
    hash_.add({page.body, static_cast<std::size_t>(page.body_len)});
    bytes_ += page.header_len + page.body_len;
    flushed_granule_ = granule_;
  }
  return true;
}

bool OggWriter::close() {
  if (!is_open_) return false;
  granule_ += held_samples_;
  const bool is_written = held_.empty() || (submit(held_, granule_, true) && write_pages(true));
  is_open_ = false;
  digest_ = hash_.finish();
  const bool is_closed = ::close(std::exchange(fd_, -1)) == 0;
  const std::string part = name_ + ".part";
  return is_written && is_closed && ::renameat2(folder_fd_, part.c_str(), folder_fd_, name_.c_str(), RENAME_NOREPLACE) == 0;
}

}  // namespace driftway
