/** See opus-packet.hpp. */
#include "opus-packet.hpp"

#include <opus/opus.h>

namespace driftway {
namespace {

constexpr std::uint8_t kStereoBit = 0x04;
/** Fullband CELT of 2.5 ms; the next three configurations are 5, 10 and 20 ms. */
constexpr int kCeltFullband = 28;

int samples_of_config(int config) {
  static constexpr int kSilk[] = {480, 960, 1920, 2880};
  static constexpr int kHybrid[] = {480, 960};
  static constexpr int kCelt[] = {120, 240, 480, 960};
  if (config < 12) return kSilk[config & 3];
  if (config < 16) return kHybrid[config & 1];
  return kCelt[config & 3];
}

/** The configurations of one mode and bandwidth, from `first` on. */
struct Family {
  int first;
  int count;
};

Family family_of(int config) {
  if (config >= 12 && config < 16) return {config & ~1, 2};
  return {config & ~3, 4};
}

}  // namespace

std::optional<OpusPacketFacts> opus_packet_facts(Bytes packet) {
  if (packet.empty() || packet.size() > kOpusPacketBytesMax) return std::nullopt;
  unsigned char toc = 0;
  const unsigned char* frames[48];
  opus_int16 sizes[48];
  int payload_offset = 0;
  const int count = opus_packet_parse(packet.data(), static_cast<opus_int32>(packet.size()), &toc, frames, sizes, &payload_offset);
  if (count <= 0) return std::nullopt;
  const int samples = count * opus_packet_get_samples_per_frame(packet.data(), kOpusRate);
  if (samples <= 0 || samples > kOpusPacketSamplesMax) return std::nullopt;
  return OpusPacketFacts{samples, (toc & kStereoBit) != 0};
}

std::optional<OpusFiller> opus_filler(std::uint8_t last_toc, std::int64_t samples) {
  const auto toc_of = [&](int config) {
    return static_cast<std::uint8_t>((config << 3) | (last_toc & kStereoBit));
  };
  const int last = last_toc >> 3;
  if (samples_of_config(last) <= samples) return OpusFiller{toc_of(last), samples_of_config(last)};
  const Family family = family_of(last);
  for (int config = family.first + family.count - 1; config >= family.first; --config)
    if (samples_of_config(config) <= samples) return OpusFiller{toc_of(config), samples_of_config(config)};
  for (int config = kCeltFullband + 3; config >= kCeltFullband; --config)
    if (samples_of_config(config) <= samples) return OpusFiller{toc_of(config), samples_of_config(config)};
  return std::nullopt;
}

}  // namespace driftway
