/** Tests of track, ogg-writer, ogg-reader and recover: what was sent is in the files, bit for bit and at its place. */
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "ogg-reader.hpp"
#include "opus-packet.hpp"
#include "recover.hpp"
#include "support.hpp"
#include "tests.hpp"
#include "track.hpp"

using namespace driftway;

namespace {

using Packet = std::vector<std::uint8_t>;

struct Told : TrackEvents {
  std::vector<Segment> opened;
  std::vector<Segment> closed;
  int failed = 0;
  void segment_opened(const Segment& segment) override { opened.push_back(segment); }
  void segment_closed(const Segment& segment) override { closed.push_back(segment); }
  void track_failed(const std::string&, int) override { ++failed; }
};

struct Recording {
  TemporaryFolder folder;
  Told told;
  int fd = folder.open();
  Micros base = 5'000'000;
  Track track{{"7", 77, fd, base}, told};

  ~Recording() { ::close(fd); }

  void push(std::uint16_t sequence, std::uint32_t timestamp, const Packet& payload, Micros at) {
    const auto datagram = made_rtp(77, sequence, timestamp, payload);
    track.packet(*parse_rtp(datagram, 0), at);
  }
};

struct Content {
  std::vector<Packet> packets;
  std::int64_t samples = 0;
};

/** All packets of a file, fillers (one byte) apart. */
Content content_of(const std::string& path) {
  OggReader reader(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  Content out;
  CHECK(reader.open());
  while (const auto packet = reader.next()) {
    out.samples += packet->samples;
    if (packet->data.size() > 1) out.packets.emplace_back(packet->data.begin(), packet->data.end());
  }
  return out;
}

}  // namespace

TEST("Track: ten minutes with DTX, loss and disorder, every packet bit for bit and the length exact") {
  Recording recording;
  Chance chance(7);
  struct Sent {
    std::uint16_t sequence;
    std::uint32_t timestamp;
    Packet payload;
    Micros at;
  };
  std::vector<Sent> sent;
  std::vector<Packet> expected;
  std::uint16_t sequence = 65000;
  std::uint32_t timestamp = 0xfff00000;
  const std::uint32_t first = timestamp;
  std::int64_t last_end = 0;
  // A pause by DTX now and then: time goes on, sequence numbers do not.
  for (int i = 0; i < 30'000; ++i, timestamp += 960) {
    const bool is_pause = (i / 200) % 4 == 3 && i % 20 != 0;
    if (is_pause) continue;
    const auto payload = made_opus(chance, 15, 40 + chance.below(100));
    const bool is_lost = i > 0 && i < 29'999 && chance.share() < 0.05;
    const Micros delay = static_cast<Micros>(chance.below(90'000));
    if (!is_lost) {
      sent.push_back({sequence, timestamp, payload, recording.base + i * Micros{20'000} + delay});
      expected.push_back(payload);
      last_end = std::int64_t{timestamp - first} + 960;
    }
    ++sequence;
  }
  // The first packet leads, so that nothing before it is lost by this test's own doing.
  sent.front().at = recording.base;
  std::stable_sort(sent.begin(), sent.end(), [](const Sent& a, const Sent& b) { return a.at < b.at; });
  for (const Sent& packet : sent) {
    recording.push(packet.sequence, packet.timestamp, packet.payload, packet.at);
    recording.track.poll(packet.at);
  }
  recording.track.stop();
  CHECK_EQ(recording.told.closed.size(), 1u);
  const Segment& segment = recording.told.closed[0];
  const auto content = content_of(recording.folder.path() + "/7.1.opus");
  CHECK_EQ(content.packets.size(), expected.size());
  CHECK(content.packets == expected);
  CHECK_EQ(content.samples, last_end);
  CHECK_EQ(segment.samples, last_end);
  CHECK_EQ(segment.packets, static_cast<std::int64_t>(expected.size()));
  CHECK(segment.filled > 0);
  CHECK(segment.lost > 0);
  CHECK_EQ(segment.late, 0);
  CHECK(std::abs(segment.offset) < 48 * 20);
  CHECK((recording.folder.names() == std::vector<std::string>{"7.1.opus"}));
}

TEST("Track: the least delayed packet of the first half minute, says where the track begins") {
  Recording recording;
  Chance chance(3);
  for (int i = 0; i < 500; ++i) {
    const Micros delay = i == 400 ? 1'000 : 30'000 + static_cast<Micros>(chance.below(20'000));
    recording.push(static_cast<std::uint16_t>(i), static_cast<std::uint32_t>(i) * 960u, made_opus(chance, 19, 20), recording.base + 2'000'000 + i * Micros{20'000} + delay);
  }
  recording.track.stop();
  CHECK_EQ(recording.told.closed[0].offset, 2001 * 48);
}

TEST("Track: silence of more than a minute, begins a new segment at its place") {
  Recording recording;
  Chance chance(4);
  const auto payload = made_opus(chance, 19, 20);
  recording.push(1, 1000, payload, recording.base);
  recording.push(2, 1000 + 960, payload, recording.base + 20'000);
  const std::uint32_t later = 1000 + 90 * 48000;
  recording.push(3, later, payload, recording.base + 90'000'000);
  recording.track.stop();
  CHECK_EQ(recording.told.closed.size(), 2u);
  CHECK_EQ(recording.told.closed[0].end, std::string("gap"));
  CHECK_EQ(recording.told.closed[0].samples, 2 * 960);
  CHECK_EQ(recording.told.closed[1].offset, 90 * 48000);
  CHECK((recording.folder.names() == std::vector<std::string>{"7.1.opus", "7.2.opus"}));
}

TEST("Track: a sender that begins anew, begins a new segment") {
  Recording recording;
  Chance chance(5);
  for (int i = 0; i < 5; ++i) recording.push(static_cast<std::uint16_t>(i), static_cast<std::uint32_t>(i) * 960u, made_opus(chance, 19, 20), recording.base + i * 20'000);
  for (int i = 0; i < 5; ++i)
    recording.push(static_cast<std::uint16_t>(30000 + i), 0x80000000u + static_cast<std::uint32_t>(i) * 960u, made_opus(chance, 19, 20), recording.base + 200'000 + i * 20'000);
  recording.track.stop();
  CHECK_EQ(recording.told.closed.size(), 2u);
  CHECK_EQ(recording.told.closed[0].end, std::string("restart"));
  // The packet that announced the jump had to be confirmed by the next one.
  CHECK_EQ(recording.told.closed[1].packets, 4);
}

TEST("Track: numbers of files that are there, whole or not, are not taken again") {
  Recording recording;
  Chance chance(6);
  write_file(recording.folder.path() + "/7.1.opus", {});
  write_file(recording.folder.path() + "/7.2.opus.part", {});
  recording.push(1, 0, made_opus(chance, 19, 20), recording.base);
  recording.track.stop();
  CHECK_EQ(recording.told.closed[0].file, std::string("7.3.opus"));
}

TEST("Track: packets that are no Opus, are counted and left out") {
  Recording recording;
  Chance chance(8);
  recording.push(1, 0, made_opus(chance, 19, 20), recording.base);
  recording.push(2, 960, {0xff, 0xff, 0xff}, recording.base);
  recording.push(3, 1920, made_opus(chance, 19, 20), recording.base);
  recording.track.stop();
  CHECK_EQ(recording.told.closed[0].invalid, 1);
  CHECK_EQ(recording.told.closed[0].packets, 2);
  CHECK_EQ(recording.told.closed[0].samples, 3 * 960);
}

TEST("Track: a folder that is gone, fails once and records no more") {
  Recording recording;
  Chance chance(9);
  ::close(recording.fd);
  recording.fd = -1;
  for (int i = 0; i < 3; ++i) recording.push(static_cast<std::uint16_t>(i), 0, made_opus(chance, 19, 20), recording.base);
  recording.track.stop();
  CHECK_EQ(recording.told.failed, 1);
  CHECK(recording.told.closed.empty());
}

TEST("recover_recording: a file cut anywhere, keeps all its whole pages") {
  Chance chance(10);
  for (const int cut : {0, 1, 30, 200}) {
    TemporaryFolder folder;
    const int fd = folder.open();
    {
      OggWriter::Options options;
      options.folder_fd = fd;
      options.name = "7.1.opus";
      options.serial = 5;
      options.comments = {{"DRIFTWAY_USER", "7"}, {"DRIFTWAY_SSRC", "77"}, {"DRIFTWAY_OFFSET", "480"}};
      auto writer = OggWriter::create(options);
      CHECK(writer.has_value());
      for (int i = 0; i < 500; ++i) CHECK(writer->packet(made_opus(chance, 19, 60), 960));
      CHECK(writer->flush());
    }
    ::close(fd);
    const std::string part = folder.path() + "/7.1.opus.part";
    auto written = read_file(part);
    written.resize(written.size() - static_cast<std::size_t>(cut));
    write_file(part, written);
    const auto done = recover_recording(part);
    CHECK(done.has_value());
    CHECK_EQ(done->user, std::string("7"));
    CHECK_EQ(done->offset, std::string("480"));
    const auto content = content_of(folder.path() + "/7.1.opus");
    // One packet is held back while a file is written; a cut costs the last page, a second.
    CHECK_EQ(static_cast<std::int64_t>(content.packets.size()), done->samples / 960);
    CHECK(content.packets.size() >= (cut == 0 ? 499u : 440u));
    const auto whole = read_file(folder.path() + "/7.1.opus");
    CHECK_EQ(static_cast<std::int64_t>(whole.size()), done->bytes);
  }
}

TEST("recover_recording: what holds no audio, stays as it is") {
  TemporaryFolder folder;
  const std::string path = folder.path() + "/1.1.opus.part";
  const std::vector<std::uint8_t> junk(1000, 0x4f);
  write_file(path, junk);
  CHECK(!recover_recording(path));
  CHECK(!recover_recording(folder.path() + "/missing.part"));
  CHECK(!recover_recording(folder.path()));
  CHECK((read_file(path) == junk));
}
