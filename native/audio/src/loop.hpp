/** The process's only loop: epoll for descriptors, one timerfd for all deadlines. Single-threaded; callbacks run in turn. */
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "reorder.hpp"

namespace driftway {

/** CLOCK_MONOTONIC, the same for every process of the machine. */
Micros monotonic_now();

class Loop {
 public:
  using Callback = std::function<void()>;
  using TimerId = std::uint64_t;

  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  /** Calls `on_readable` while there is something to read. The descriptor stays the caller's. */
  void watch(int fd, Callback on_readable);
  /** Calls `on_writable` once there is room again. */
  void watch_writable(int fd, bool is_on, Callback on_writable = nullptr);
  void unwatch(int fd);
  /** Once, at `at` or a little later; 0 is never an id. */
  TimerId at(Micros at, Callback callback);
  void cancel(TimerId id);

  /** Runs until `stop`. */
  void run();
  void stop() { is_stopped_ = true; }

 private:
  struct Watch {
    Callback readable;
    Callback writable;
  };
  void arm();
  void run_due();
  void update(int fd, const Watch& watch);

  int epoll_fd_;
  int timer_fd_;
  bool is_stopped_ = false;
  TimerId last_id_ = 0;
  std::unordered_map<int, std::shared_ptr<Watch>> watches_;
  std::map<std::pair<Micros, TimerId>, Callback> timers_;
  std::unordered_map<TimerId, Micros> deadlines_;
};

}  // namespace driftway
