/** See control.hpp. */
#include "control.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace driftway {
namespace {

constexpr std::string_view kTooLong = "{\"ok\":false,\"err\":\"too_long\"}";

}  // namespace

Control::Control(Loop& loop, int fd, Handler handler, std::function<void()> on_closed)
    : loop_(loop), fd_(fd), handler_(std::move(handler)), on_closed_(std::move(on_closed)) {
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
  ::fcntl(fd_, F_SETFD, FD_CLOEXEC);
  loop_.watch(fd_, [this] { on_readable(); });
}

Control::~Control() { loop_.unwatch(fd_); }

void Control::on_readable() {
  std::array<char, 16384> buffer;
  const ssize_t got = ::read(fd_, buffer.data(), buffer.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got > 0) return feed({buffer.data(), static_cast<std::size_t>(got)});
  // The server is gone, or wants us to go.
  is_closed_ = true;
  loop_.unwatch(fd_);
  on_closed_();
}

void Control::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (!is_skipping_ && in_.size() + part.size() > kLineBytesMax) {
      is_skipping_ = true;
      in_.clear();
      answer(std::string(kTooLong));
    }
    if (!is_skipping_) in_ += part;
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    if (!is_skipping_ && !in_.empty()) answer(handler_(in_));
    is_skipping_ = false;
    in_.clear();
  }
}

void Control::event(std::string line) {
  if (out_.size() + line.size() > kEventBytesMax) {
    ++dropped_;
    return;
  }
  push(std::move(line));
}

void Control::answer(std::string line) {
  if (out_.size() + line.size() > kAnswerBytesMax) {
    is_closed_ = true;
    on_closed_();
    return;
  }
  push(std::move(line));
}

void Control::push(std::string line) {
  if (is_closed_) return;
  const bool is_idle = out_.empty();
  out_ += line;
  out_.push_back('\n');
  if (is_idle) write_out();
}

void Control::write_out() {
  while (!out_.empty()) {
    const ssize_t written = ::write(fd_, out_.data(), out_.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {
      loop_.watch_writable(fd_, true, [this] { write_out(); });
      return;
    }
    // A broken pipe shows as the end of input as well.
    if (written < 0) {
      out_.clear();
      break;
    }
    out_.erase(0, static_cast<std::size_t>(written));
  }
  loop_.watch_writable(fd_, false);
}

}  // namespace driftway
