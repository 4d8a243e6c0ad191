/** See gap-detector.h. */
#include "gap-detector.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "stats.h"

namespace {

constexpr int64_t kTickNs = 1'000'000;
constexpr int64_t kGapNs = 2'000'000;

timespec as_timespec(int64_t ns) { return {ns / 1'000'000'000, ns % 1'000'000'000}; }

}  // namespace

bool bind_to_core(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  return pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0;
}

GapDetector::GapDetector(int core) : core_(core), thread_([this] { run(); }) {}

GapDetector::~GapDetector() {
  stopping_ = true;
  thread_.join();
}

void GapDetector::clear() {
  longest_ns_ = 0;
  sum_ns_ = 0;
}

void GapDetector::run() {
  sched_param priority{};
  priority.sched_priority = 1;
  independent_ = bind_to_core(core_) &&
                 pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) == 0;
  int64_t due = monotonic_ns();
  while (!stopping_) {
    due += kTickNs;
    const timespec until = as_timespec(due);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    const int64_t late = monotonic_ns() - due;
    if (late < kGapNs) continue;
    sum_ns_ += late;
    if (late > longest_ns_) longest_ns_ = late;
    due += late;
  }
}
