/** Tests of playout, mixer, mix-job and vad: what is really decoded and encoded. */
#include <opus/opus.h>

#include <array>
#include <cmath>

#include "mix-job.hpp"
#include "mixer.hpp"
#include "playout.hpp"
#include "support.hpp"
#include "tests.hpp"
#include "vad.hpp"

using namespace driftway;

namespace {

constexpr Micros kTick = 20'000;

double energy(std::span<const float> samples) {
  double sum = 0;
  for (const float sample : samples) sum += double{sample} * sample;
  return sum / static_cast<double>(samples.size());
}

RtpPacket packet_of(const std::vector<std::uint8_t>& payload, int index) {
  RtpPacket packet;
  packet.sequence = static_cast<std::uint16_t>(index);
  packet.timestamp = static_cast<std::uint32_t>(index) * 960u;
  packet.ssrc = 1;
  packet.payload = payload;
  return packet;
}

}  // namespace

TEST("Playout: packets in time, give their sound after the delay and nothing else") {
  const auto packets = encoded(made_tone(440, 2, 0.5), 32000, false);
  Playout playout;
  std::array<float, 960> frame;
  int heard = 0;
  double sum = 0;
  for (int i = 0; i < 100; ++i) {
    playout.packet(packet_of(packets[static_cast<std::size_t>(i)], i), i * kTick);
    if (!playout.pull(frame, i * kTick)) continue;
    ++heard;
    if (heard > 5) sum += energy(frame);
  }
  CHECK_EQ(heard, 98);
  CHECK(std::fabs(sum / 93 - 0.125) < 0.02);
  CHECK_EQ(playout.counters().concealed, 0);
}

TEST("Playout: lost packets, are corrected or concealed and cost no time") {
  const auto packets = encoded(made_tone(300, 4, 0.5), 32000, false);
  Playout playout;
  std::array<float, 960> frame;
  int heard = 0;
  for (int i = 0; i < 200; ++i) {
    if (i % 10 != 5) playout.packet(packet_of(packets[static_cast<std::size_t>(i)], i), i * kTick);
    if (playout.pull(frame, i * kTick)) ++heard;
  }
  CHECK_EQ(heard, 198);
  CHECK(playout.counters().corrected >= 18);
  CHECK_EQ(playout.counters().late, 0);
}

TEST("Playout: a speaker who stops, is silent after 100 ms and comes back") {
  const auto packets = encoded(made_tone(300, 1, 0.5), 32000, false);
  Playout playout;
  std::array<float, 960> frame;
  int heard = 0;
  for (int i = 0; i < 100; ++i) {
    if (i < 20 || i >= 60) playout.packet(packet_of(packets[static_cast<std::size_t>(i % 50)], i), i * kTick);
    const bool is_heard = playout.pull(frame, i * kTick);
    if (i == 50) CHECK(!is_heard);
    heard += is_heard ? 1 : 0;
  }
  CHECK(heard >= 18 + 38);
}

TEST("Playout: packets that come ever later, make the delay grow") {
  const auto packets = encoded(made_tone(300, 4, 0.5), 32000, false);
  Playout playout;
  std::array<float, 960> frame;
  for (int i = 0; i < 200; ++i) {
    // Every packet is 100 ms late from the second second on.
    const int sent = i < 50 ? i : i - 5;
    if (i < 50 || i >= 55) playout.packet(packet_of(packets[static_cast<std::size_t>(sent)], sent), i * kTick);
    playout.pull(frame, i * kTick);
  }
  CHECK(playout.delay_ms() > 40 || playout.counters().late == 0);
}

TEST("Mixer: more than full scale, is limited without a jump") {
  Mixer mixer(960);
  const auto loud = made_tone(1000, 0.02, 0.9);
  float last = 0;
  for (int i = 0; i < 20; ++i) {
    mixer.begin();
    mixer.add(loud, 1.0f);
    mixer.add(loud, 1.0f);
    for (const float sample : mixer.finish()) {
      CHECK(std::fabs(sample) <= 1.0f);
      CHECK(std::fabs(sample - last) < 0.4f);
      last = sample;
    }
  }
  CHECK(mixer.gain() < 0.6f);
  for (int i = 0; i < 20; ++i) {
    mixer.begin();
    mixer.add(made_tone(1000, 0.02, 0.1), 1.0f);
    mixer.finish();
  }
  CHECK(mixer.gain() > 0.99f);
}

TEST("MixJob: two speakers, are one stream with both in it") {
  Loop loop;
  auto receiver = UdpSocket::bind(0);
  MixJob job(loop, UdpSocket::bind(0));
  job.start({receiver->port(), 99, 111, 65530, 5}, {48000, false, false});
  const auto low = encoded(made_tone(300, 3, 0.3), 32000, false);
  const auto high = encoded(made_tone(2000, 3, 0.3), 32000, false);
  Micros now = 1'000'000;
  for (int i = 0; i < 150; ++i, now += kTick) {
    job.packet(1, packet_of(low[static_cast<std::size_t>(i)], i), now);
    job.packet(2, packet_of(high[static_cast<std::size_t>(i)], i), now);
    job.tick(now);
  }
  int error = 0;
  OpusDecoder* decoder = opus_decoder_create(48000, 1, &error);
  int packets = 0;
  std::uint32_t last = 0;
  double sum = 0;
  receiver->receive([&](Bytes datagram, std::uint16_t from) {
    const auto packet = parse_rtp(datagram, 0);
    CHECK(packet.has_value());
    CHECK_EQ(from, job.port());
    CHECK_EQ(packet->ssrc, 99u);
    if (packets > 0) CHECK_EQ(packet->timestamp - last, 960u);
    last = packet->timestamp;
    std::array<float, 960> frame;
    CHECK_EQ(opus_decode_float(decoder, packet->payload.data(), static_cast<int>(packet->payload.size()), frame.data(), 960, 0), 960);
    if (++packets > 50) sum += energy(frame);
  });
  opus_decoder_destroy(decoder);
  // A turn reads at most 128.
  CHECK_EQ(packets, 128);
  CHECK(std::fabs(sum / 78 - 0.09) < 0.02);
  CHECK_EQ(job.state().talking, 2);
}

TEST("MixJob: silence, sends nothing and time goes on") {
  Loop loop;
  auto receiver = UdpSocket::bind(0);
  MixJob job(loop, UdpSocket::bind(0));
  job.start({receiver->port(), 99, 111, 0, 0}, {48000, true, true});
  int sent = 0;
  for (int i = 0; i < 100; ++i) sent += job.tick(i * kTick) > 0 ? 1 : 0;
  CHECK(sent < 25);
  CHECK_EQ(job.state().timestamp, 96000u);
}

TEST("Vad: digital silence and an absent speaker, are no talk") {
  Vad vad;
  const auto packets = encoded(std::vector<float>(48000 * 2, 0.0f), 32000, false);
  bool is_talking = false;
  for (int i = 0; i < 100; ++i) is_talking = vad.packet(packet_of(packets[static_cast<std::size_t>(i)], i), i * kTick) || is_talking;
  CHECK(!is_talking);
  CHECK(!vad.poll(10'000'000));
}
