/** What an Opus packet says about itself without being decoded (RFC 6716, 3), and packets that stand for missing audio. Pure. */
#pragma once
#include <cstdint>
#include <optional>

#include "rtp.hpp"

namespace driftway {

/** Samples per second of every RTP time stamp and granule position of Opus. */
inline constexpr int kOpusRate = 48000;
/** 120 ms, the longest packet there is. */
inline constexpr int kOpusPacketSamplesMax = 5760;
/** Six frames of 1,275 bytes with their lengths: more than any legal packet. */
inline constexpr std::size_t kOpusPacketBytesMax = 7664;

struct OpusPacketFacts {
  /** Length at 48 kHz. */
  int samples = 0;
  bool is_stereo = false;
};

/** Nothing for what no decoder would take. */
std::optional<OpusPacketFacts> opus_packet_facts(Bytes packet);

/** The one byte that stands for a missing frame, and how long it lasts: decoders conceal it. */
struct OpusFiller {
  std::uint8_t toc = 0;
  int samples = 0;
};

/**
 * The longest filler of the last packet's mode that is not longer than `samples`; nothing for less than 2.5 ms. The mode stays, so
 * that a decoder conceals instead of switching (RFC 7845, 4.1); short rests, which SILK cannot express, are CELT.
 */
std::optional<OpusFiller> opus_filler(std::uint8_t last_toc, std::int64_t samples);

}  // namespace driftway
