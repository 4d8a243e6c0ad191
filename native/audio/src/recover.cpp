/** See recover.hpp. */
#include "recover.hpp"

#include <fcntl.h>
#include <ogg/ogg.h>
#include <stdio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <vector>

#include "ogg-reader.hpp"
#include "sha256.hpp"

namespace driftway {
namespace {

constexpr std::string_view kPart = ".part";
constexpr long kChunkBytes = 1 << 16;
constexpr int kEndOfStream = 0x04;

/** Where the last whole page with audio lies. */
struct Tail {
  std::int64_t page_at = -1;
  std::int64_t end = 0;
  std::int64_t granule = 0;
};

Tail find_tail(int fd) {
  Tail tail;
  ogg_sync_state sync;
  ogg_sync_init(&sync);
  std::int64_t at = 0;
  for (;;) {
    ogg_page page;
    const long found = ogg_sync_pageseek(&sync, &page);
    if (found > 0) {
      if (ogg_page_granulepos(&page) > 0) tail = {at, at + found, ogg_page_granulepos(&page)};
      at += found;
      continue;
    }
    // Damaged bytes: nothing behind them belongs to what was written in order.
    if (found < 0) break;
    char* buffer = ogg_sync_buffer(&sync, kChunkBytes);
    const ssize_t got = buffer == nullptr ? -1 : ::read(fd, buffer, kChunkBytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    ogg_sync_wrote(&sync, got);
  }
  ogg_sync_clear(&sync);
  return tail;
}

/** Sets the flag in the header of the last page, and its checksum anew. */
bool mark_end(int fd, const Tail& tail) {
  std::vector<unsigned char> bytes(static_cast<std::size_t>(tail.end - tail.page_at));
  if (::pread(fd, bytes.data(), bytes.size(), tail.page_at) != static_cast<ssize_t>(bytes.size())) return false;
  bytes[5] |= kEndOfStream;
  const long header = 27 + bytes[26];
  ogg_page page{bytes.data(), header, bytes.data() + header, static_cast<long>(bytes.size()) - header};
  ogg_page_checksum_set(&page);
  return ::pwrite(fd, bytes.data(), bytes.size(), tail.page_at) == static_cast<ssize_t>(bytes.size());
}

std::optional<std::string> hash_of(int fd) {
  Sha256 hash;
  std::array<std::uint8_t, kChunkBytes> chunk;
  if (::lseek(fd, 0, SEEK_SET) != 0) return std::nullopt;
  for (;;) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return hash.finish();
    hash.add({chunk.data(), static_cast<std::size_t>(got)});
  }
}

void read_comments(const std::string& path, Recovered& out) {
  OggReader reader(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!reader.open()) return;
  const auto take = [](const std::string& comment, std::string_view name, std::string& to) {
    if (comment.starts_with(name)) to = comment.substr(name.size());
  };
  for (const std::string& comment : reader.comments()) {
    take(comment, "DRIFTWAY_USER=", out.user);
    take(comment, "DRIFTWAY_SSRC=", out.ssrc);
    take(comment, "DRIFTWAY_OFFSET=", out.offset);
  }
}

}  // namespace

std::optional<Recovered> recover_recording(const std::string& path) {
  if (!path.ends_with(kPart)) return std::nullopt;
  const int fd = ::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  const Tail tail = find_tail(fd);
  const bool is_whole = tail.page_at >= 0 && ::ftruncate(fd, tail.end) == 0 && mark_end(fd, tail);
  const auto digest = is_whole ? hash_of(fd) : std::nullopt;
  const bool is_synced = digest.has_value() && ::fsync(fd) == 0;
  ::close(fd);
  if (!is_synced) return std::nullopt;
  Recovered out;
  out.file = path.substr(0, path.size() - kPart.size());
  out.samples = tail.granule;
  out.bytes = tail.end;
  out.sha256 = *digest;
  read_comments(path, out);
  if (::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, out.file.c_str(), RENAME_NOREPLACE) != 0) return std::nullopt;
  return out;
}

}  // namespace driftway
