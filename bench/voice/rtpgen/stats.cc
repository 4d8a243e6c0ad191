/** See stats.h. */
#include "stats.h"

#include <time.h>

#include <algorithm>

namespace {

constexpr int64_t kFineNs = 10'000;
constexpr int64_t kFineSteps = 20'000;
constexpr int64_t kCoarseNs = 1'000'000;
constexpr int64_t kCoarseSteps = 20'000;

int64_t read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

int64_t monotonic_ns() { return read_clock(CLOCK_MONOTONIC); }
int64_t realtime_ns() { return read_clock(CLOCK_REALTIME); }

Histogram::Histogram() : steps_(kFineSteps + kCoarseSteps) {}

void Histogram::record(int64_t ns) {
  const int64_t value = std::max<int64_t>(ns, 0);
  int64_t step = value / kFineNs;
  if (step >= kFineSteps) step = kFineSteps + std::min(value / kCoarseNs, kCoarseSteps - 1);
  steps_[static_cast<size_t>(step)] += 1;
  count_ += 1;
  max_ns_ = std::max(max_ns_, value);
}

void Histogram::clear() {
  std::fill(steps_.begin(), steps_.end(), 0);
  count_ = 0;
  max_ns_ = 0;
}

double Histogram::percentile_us(double share) const {
  const double wanted = share * static_cast<double>(count_);
  uint64_t seen = 0;
  for (size_t i = 0; i < steps_.size(); i += 1) {
    seen += steps_[i];
    if (seen == 0 || static_cast<double>(seen) < wanted) continue;
    const int64_t step = static_cast<int64_t>(i);
    const int64_t edge =
        step < kFineSteps ? (step + 1) * kFineNs : (step - kFineSteps + 1) * kCoarseNs;
    return static_cast<double>(std::min(edge, max_ns_)) / 1000;
  }
  return 0;
}
