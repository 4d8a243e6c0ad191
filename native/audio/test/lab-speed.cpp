/** What the process costs: CPU time of recording, detecting and mixing, and how long single packets take. No sockets: only our own work. */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "lab.hpp"
#include "mix-job.hpp"
#include "room.hpp"
#include "support.hpp"
#include "json.hpp"

namespace driftway {
namespace {

struct Quiet : RoomEvents {
  void segment_opened(std::int64_t, const Segment&) override {}
  void segment_closed(std::int64_t, const Segment&) override {}
  void track_failed(std::int64_t, const std::string&, int error) override {
    std::fprintf(stderr, "a track failed: %d\n", error);
    std::exit(1);
  }
  void talking(std::int64_t, const std::string&, bool) override {}
};

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double micros_since(const timespec& from) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec - from.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec - from.tv_nsec) / 1e3;
}

struct Load {
  int streams;
  int seconds;
  bool is_recording;
  bool is_detecting;
  bool is_mixing;
};

/** `streams` speakers talk for `seconds`; time is made up, so that nothing waits. */
std::string run(const Load& load) {
  TemporaryFolder folder;
  Quiet events;
  Loop loop;
  Room room(1, UdpSocket::bind(0), loop, events);
  MixJob mix(loop, UdpSocket::bind(0));
  auto sink = UdpSocket::bind(0);
  mix.start({sink->port(), 9, 111, 0, 0}, {});
  for (int i = 0; i < load.streams; ++i) {
    const SourceOptions source{"u" + std::to_string(i), static_cast<std::uint32_t>(i + 1), 100, 0, 1000};
    // More than a room holds are more rooms in life; here the table's bound is all that differs.
    if (!room.add(source)) std::abort();
  }
  if (load.is_recording) room.start_recording(folder.open(), 0);
  room.detect(load.is_detecting);
  if (load.is_mixing) room.attach(&mix);
  const auto packets = encoded(made_tone(220, load.seconds, 0.3), 32000, false);
  std::vector<double> took;
  const double before = cpu_seconds();
  double mixing_worst = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const Micros now = static_cast<Micros>(i) * 20'000;
    for (int s = 0; s < load.streams; ++s) {
      const auto datagram = made_rtp(static_cast<std::uint32_t>(s + 1), static_cast<std::uint16_t>(i), static_cast<std::uint32_t>(i * 960), packets[i]);
      timespec start{};
      ::clock_gettime(CLOCK_MONOTONIC, &start);
      room.datagram(datagram, 1000, now);
      took.push_back(micros_since(start));
    }
    if (i % 5 == 0) room.poll(now);
    if (!load.is_mixing) continue;
    timespec start{};
    ::clock_gettime(CLOCK_MONOTONIC, &start);
    mix.tick(now);
    mixing_worst = std::max(mixing_worst, micros_since(start));
  }
  const double cpu = cpu_seconds() - before;
  room.stop_recording();
  room.detach(&mix);
  std::sort(took.begin(), took.end());
  const auto quantile = [&](double share) { return took[static_cast<std::size_t>(share * static_cast<double>(took.size() - 1))]; };
  JsonLine line;
  line.number("streams", load.streams)
      .real("coreShare", cpu / load.seconds)
      .real("usPerPacket", cpu * 1e6 / static_cast<double>(took.size()))
      .real("p50Us", quantile(0.5))
      .real("p99Us", quantile(0.99))
      .real("maxUs", took.back())
      .real("longestMixUs", mixing_worst);
  return line.take();
}

}  // namespace

int measure_speed(int seconds) {
  JsonLine line;
  line.raw("record", run({500, seconds, true, false, false}))
      .raw("detect", run({200, seconds, false, true, false}))
      .raw("mix", run({200, seconds, false, false, true}))
      .raw("detectAndMix", run({200, seconds, false, true, true}));
  std::puts(line.take().c_str());
  return 0;
}

}  // namespace driftway
