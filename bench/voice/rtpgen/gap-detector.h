/**
 * A thread per watched core that sleeps 1 ms at a time under real-time priority and notes how late it was woken: it sees pauses of
 * the (virtual) core and nothing of what the server or the generator do there. Costs about 0.5 % of the core.
 */
#pragma once
#include <atomic>
#include <cstdint>
#include <thread>

class GapDetector {
 public:
  explicit GapDetector(int core);
  ~GapDetector();
  GapDetector(const GapDetector&) = delete;
  GapDetector& operator=(const GapDetector&) = delete;

  /** Begins a new window. */
  void clear();

  int core() const { return core_; }
  /** False without the right to real-time priority: then lateness may be the load's own doing and proves nothing. */
  bool is_independent() const { return independent_; }
  int64_t longest_ns() const { return longest_ns_; }
  /** Sum of all that were later than 2 ms. */
  int64_t sum_ns() const { return sum_ns_; }

 private:
  void run();

  const int core_;
  std::atomic<bool> independent_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> longest_ns_{0};
  std::atomic<int64_t> sum_ns_{0};
  std::thread thread_;
};

/** Binds the calling thread to one core; false where that core may not be used. */
bool bind_to_core(int core);
