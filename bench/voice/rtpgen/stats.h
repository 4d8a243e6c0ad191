/** What is counted in a window: latencies in a fixed histogram. Main thread only. */
#pragma once
#include <cstdint>
#include <vector>

/** Clocks in nanoseconds. */
int64_t monotonic_ns();
int64_t realtime_ns();

/** Steps of 10 us up to 200 ms, of 1 ms up to 20 s; larger values count as the largest. Never allocates after the start. */
class Histogram {
 public:
  Histogram();
  void record(int64_t ns);
  void clear();
  /** Upper edge of the step that holds the value at this share (0 to 1), in microseconds; 0 when empty. */
  double percentile_us(double share) const;
  double max_us() const { return static_cast<double>(max_ns_) / 1000; }
  uint64_t count() const { return count_; }

 private:
  std::vector<uint64_t> steps_;
  uint64_t count_ = 0;
  int64_t max_ns_ = 0;
};
