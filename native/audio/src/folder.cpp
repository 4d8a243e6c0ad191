/** See folder.hpp. */
#include "folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace driftway {
namespace {

constexpr std::size_t kNameMax = 128;
constexpr int kDepthMax = 8;

/** Walks to the parent of the last name; -1 with errno. `last` is that name. */
int open_parent(int root_fd, std::string_view path, std::string& last) {
  int at = ::openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (int depth = 0; at >= 0 && depth < kDepthMax; ++depth) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    if (!is_plain_name(name)) break;
    last = name;
    if (slash == std::string_view::npos) return at;
    path.remove_prefix(slash + 1);
    const int next = ::openat(at, last.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const int error = errno;
    ::close(at);
    errno = error;
    if (next < 0) return -1;
    at = next;
  }
  if (at >= 0) ::close(at);
  errno = EINVAL;
  return -1;
}

int open_below(int root_fd, std::string_view path, int flags) {
  std::string last;
  const int parent = open_parent(root_fd, path, last);
  if (parent < 0) return -1;
  const int fd = ::openat(parent, last.c_str(), flags | O_NOFOLLOW | O_CLOEXEC);
  const int error = errno;
  ::close(parent);
  errno = error;
  return fd;
}

}  // namespace

bool is_plain_name(std::string_view name) {
  if (name.empty() || name.size() > kNameMax || name.front() == '.') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

int open_folder_below(int root_fd, std::string_view path) { return open_below(root_fd, path, O_RDONLY | O_DIRECTORY); }

int open_file_below(int root_fd, std::string_view path) { return open_below(root_fd, path, O_RDONLY); }

}  // namespace driftway
