/** Tests of rtp, reorder and opus-packet. */
#include <algorithm>

#include "opus-packet.hpp"
#include "reorder.hpp"
#include "support.hpp"
#include "tests.hpp"

using namespace driftway;

namespace {

std::vector<std::uint8_t> bytes(std::initializer_list<int> list) {
  std::vector<std::uint8_t> out;
  for (const int byte : list) out.push_back(static_cast<std::uint8_t>(byte));
  return out;
}

/** Feeds sequence numbers; returns those that came out. */
struct Feed {
  Reorder reorder{500'000};
  std::vector<std::int64_t> out;
  int lost = 0;
  int restarts = 0;
  Micros now = 1'000'000;
  Reorder::Sink sink = [this](const OrderedPacket& packet) {
    out.push_back(packet.sequence & 0xffff);
    lost += packet.lost_before;
    restarts += packet.is_restart ? 1 : 0;
  };

  void push(int sequence) {
    const std::uint8_t payload = 1;
    RtpPacket packet;
    packet.sequence = static_cast<std::uint16_t>(sequence);
    packet.timestamp = static_cast<std::uint32_t>(sequence) * 960u;
    packet.payload = {&payload, 1};
    reorder.push(packet, now, sink);
    now += 20'000;
  }
};

}  // namespace

TEST("parse_rtp: header, extension and padding, leave the payload") {
  const auto plain = bytes({0x80, 0xe4, 1, 2, 0, 0, 3, 0xc0, 0, 0, 0, 9, 0xaa, 0xbb});
  const auto packet = parse_rtp(plain, 0);
  CHECK(packet.has_value());
  CHECK(packet->marker);
  CHECK_EQ(static_cast<int>(packet->payload_type), 100);
  CHECK_EQ(packet->sequence, 0x0102);
  CHECK_EQ(packet->timestamp, 960u);
  CHECK_EQ(packet->ssrc, 9u);
  CHECK_EQ(packet->payload.size(), 2u);
  const auto full = bytes({0xb1, 0x64, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 1, 1, 1, 0xbe, 0xde, 0, 1, 0x10, 0xff, 0x20, 0x99, 0xaa, 0, 2});
  const auto extended = parse_rtp(full, 1);
  CHECK(extended.has_value());
  CHECK_EQ(extended->level, 127);
  CHECK_EQ(extended->payload.size(), 1u);
  CHECK_EQ(parse_rtp(full, 3)->level, kLevelUnknown);
  const auto two_byte = bytes({0x90, 0x64, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0x10, 0x00, 0, 1, 7, 1, 0x85, 0, 0xaa});
  CHECK_EQ(parse_rtp(two_byte, 7)->level, 5);
}

TEST("parse_rtp: lengths that lie, are refused") {
  CHECK(!parse_rtp(bytes({}), 1));
  CHECK(!parse_rtp(bytes({0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), 1));
  CHECK(!parse_rtp(bytes({0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), 1));
  CHECK(!parse_rtp(bytes({0x8f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), 1));
  CHECK(!parse_rtp(bytes({0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0xff, 0xff}), 1));
  CHECK(!parse_rtp(bytes({0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), 1));
  CHECK(!parse_rtp(bytes({0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}), 1));
  CHECK_EQ(parse_rtp(bytes({0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0, 1, 0x1f, 0, 0, 0}), 1)->level, kLevelUnknown);
}

TEST("write_rtp: what it writes, parse_rtp reads") {
  Chance chance(1);
  for (int i = 0; i < 200; ++i) {
    const auto payload = made_opus(chance, 16, 1 + chance.below(200));
    const auto datagram = made_rtp(static_cast<std::uint32_t>(chance.next()), static_cast<std::uint16_t>(i), static_cast<std::uint32_t>(chance.next()), payload);
    const auto packet = parse_rtp(datagram, 1);
    CHECK(packet && std::equal(packet->payload.begin(), packet->payload.end(), payload.begin(), payload.end()));
  }
  std::uint8_t small[4];
  CHECK_EQ(write_rtp(small, RtpPacket{}), 0u);
}

TEST("Reorder: packets that come late, come out in order") {
  Feed feed;
  for (const int sequence : {10, 12, 11, 14, 15, 13, 16}) feed.push(sequence);
  CHECK((feed.out == std::vector<std::int64_t>{10, 11, 12, 13, 14, 15, 16}));
  CHECK_EQ(feed.lost, 0);
}

TEST("Reorder: sequence numbers past 65,535, go on") {
  Feed feed;
  for (int sequence = 65530; sequence < 65545; ++sequence) feed.push(sequence);
  CHECK_EQ(feed.out.size(), 15u);
  CHECK_EQ(feed.reorder.counters().restarts, 0);
}

TEST("Reorder: what stays missing, is given up after its time and counted") {
  Feed feed;
  feed.push(1);
  for (int sequence = 4; sequence < 20; ++sequence) feed.push(sequence);
  CHECK_EQ(feed.out.size(), 1u);
  feed.reorder.poll(feed.now + 500'000, feed.sink);
  CHECK_EQ(feed.out.size(), 17u);
  CHECK_EQ(feed.lost, 2);
  feed.push(2);
  CHECK_EQ(feed.reorder.counters().late, 1);
}

TEST("Reorder: twice the same packet, comes out once") {
  Feed feed;
  for (const int sequence : {1, 3, 3, 2, 4}) feed.push(sequence);
  CHECK_EQ(feed.out.size(), 4u);
  CHECK_EQ(feed.reorder.counters().duplicates, 1);
}

TEST("Reorder: a jump that the next packet confirms, is a new stream") {
  Feed feed;
  for (const int sequence : {1, 2, 3}) feed.push(sequence);
  feed.push(40000);
  CHECK_EQ(feed.out.size(), 3u);
  feed.push(40001);
  feed.push(40002);
  CHECK_EQ(feed.restarts, 1);
  CHECK((feed.out == std::vector<std::int64_t>{1, 2, 3, 40001, 40002}));
}

TEST("Reorder: more missing than the ring holds, is lost and does not stop it") {
  Feed feed;
  feed.push(1);
  feed.push(1500);
  CHECK_EQ(feed.out.size(), 2u);
  CHECK_EQ(feed.lost, 1498);
  for (int sequence = 1510; sequence < 1510 + 2 * Reorder::kCapacity; ++sequence) feed.push(sequence);
  CHECK_EQ(feed.out.back(), 1510 + 2 * Reorder::kCapacity - 1);
}

TEST("Reorder: any order at all, comes out rising and without a copy") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Chance chance(seed);
    Feed feed;
    int at = static_cast<int>(chance.below(65536));
    for (int i = 0; i < 500; ++i) {
      at += static_cast<int>(chance.below(6)) - 1;
      feed.push(at);
    }
    feed.reorder.flush(feed.sink);
    CHECK(feed.reorder.is_empty());
    CHECK_EQ(feed.restarts, 0);
    for (std::size_t i = 1; i < feed.out.size(); ++i) CHECK((feed.out[i] - feed.out[i - 1] + 65536) % 65536 != 0);
  }
}

TEST("opus_packet_facts: lengths by the header, and malformed packets refused") {
  CHECK_EQ(opus_packet_facts(bytes({31 << 3, 0, 0}))->samples, 960);
  CHECK_EQ(opus_packet_facts(bytes({28 << 3, 0, 0}))->samples, 120);
  CHECK_EQ(opus_packet_facts(bytes({3 << 3, 0}))->samples, 2880);
  CHECK_EQ(opus_packet_facts(bytes({(31 << 3) | 1, 0, 0}))->samples, 1920);
  CHECK(opus_packet_facts(bytes({(31 << 3) | 4, 0}))->is_stereo);
  CHECK(!opus_packet_facts(bytes({})));
  CHECK(!opus_packet_facts(bytes({(31 << 3) | 1, 0})));
  CHECK(!opus_packet_facts(bytes({(31 << 3) | 3, 0})));
  CHECK(!opus_packet_facts(bytes({(31 << 3) | 3, 63, 0})));
}

TEST("opus_filler: any gap from 2.5 ms on, is filled to less than 2.5 ms in legal packets") {
  for (int config = 0; config < 32; ++config)
    for (std::int64_t gap = 120; gap < 6000; gap += 120) {
      std::int64_t left = gap;
      while (const auto filler = opus_filler(static_cast<std::uint8_t>(config << 3), left)) {
        CHECK_EQ(opus_packet_facts({&filler->toc, 1})->samples, filler->samples);
        left -= filler->samples;
      }
      CHECK(left < 120 && left >= 0);
    }
}
