/** See loop.hpp. */
#include "loop.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace driftway {
namespace {

constexpr int kEventsMax = 64;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace

Micros monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return Micros{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

Loop::Loop() : epoll_fd_(::epoll_create1(EPOLL_CLOEXEC)), timer_fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  if (epoll_fd_ < 0 || timer_fd_ < 0) fail("make the loop");
  watch(timer_fd_, [this] {
    std::uint64_t count = 0;
    // The value does not matter; reading it makes the descriptor quiet again.
    if (::read(timer_fd_, &count, sizeof count) > 0 || errno == EAGAIN) run_due();
  });
}

Loop::~Loop() {
  ::close(timer_fd_);
  ::close(epoll_fd_);
}

void Loop::watch(int fd, Callback on_readable) {
  auto entry = std::make_shared<Watch>();
  entry->readable = std::move(on_readable);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) fail("watch a descriptor");
  watches_[fd] = std::move(entry);
}

void Loop::watch_writable(int fd, bool is_on, Callback on_writable) {
  const auto found = watches_.find(fd);
  if (found == watches_.end()) return;
  found->second->writable = is_on ? std::move(on_writable) : nullptr;
  update(fd, *found->second);
}

void Loop::update(int fd, const Watch& watch) {
  epoll_event event{};
  event.events = EPOLLIN | (watch.writable ? EPOLLOUT : 0u);
  event.data.fd = fd;
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) != 0) fail("change a watch");
}

void Loop::unwatch(int fd) {
  if (watches_.erase(fd) > 0) ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

Loop::TimerId Loop::at(Micros at, Callback callback) {
  const TimerId id = ++last_id_;
  timers_.emplace(std::pair{at, id}, std::move(callback));
  deadlines_[id] = at;
  if (timers_.begin()->first.second == id) arm();
  return id;
}

void Loop::cancel(TimerId id) {
  const auto found = deadlines_.find(id);
  if (found == deadlines_.end()) return;
  timers_.erase({found->second, id});
  deadlines_.erase(found);
}

void Loop::arm() {
  itimerspec spec{};
  if (!timers_.empty()) {
    const Micros at = std::max<Micros>(1, timers_.begin()->first.first);
    spec.it_value.tv_sec = at / 1'000'000;
    spec.it_value.tv_nsec = (at % 1'000'000) * 1000;
  }
  ::timerfd_settime(timer_fd_, TFD_TIMER_ABSTIME, &spec, nullptr);
}

void Loop::run_due() {
  const Micros now = monotonic_now();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto due = timers_.extract(timers_.begin());
    deadlines_.erase(due.key().second);
    due.mapped()();
  }
  arm();
}

void Loop::run() {
  std::array<epoll_event, kEventsMax> events;
  while (!is_stopped_) {
    const int count = ::epoll_wait(epoll_fd_, events.data(), kEventsMax, -1);
    if (count < 0 && errno != EINTR) fail("wait for events");
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      // A callback may unwatch any descriptor: each is looked up when its turn comes, and kept while it runs.
      const auto found = watches_.find(event.data.fd);
      if (found == watches_.end()) continue;
      const std::shared_ptr<Watch> entry = found->second;
      if ((event.events & EPOLLOUT) != 0 && entry->writable) entry->writable();
      if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) entry->readable();
    }
  }
}

}  // namespace driftway
