/**
 * RTP (RFC 3550) of one datagram: a parser that never reads past the datagram, and a writer. Header extensions after RFC 8285. Pure.
 */
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace driftway {

using Bytes = std::span<const std::uint8_t>;

inline constexpr int kLevelUnknown = -1;
/** Level of the header extension (RFC 6464) for digital silence. */
inline constexpr int kLevelSilent = 127;
inline constexpr std::size_t kRtpHeaderBytes = 12;

struct RtpPacket {
  bool marker = false;
  std::uint8_t payload_type = 0;
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t ssrc = 0;
  /** Minus dBov, 0 to 127; kLevelUnknown without the extension. */
  int level = kLevelUnknown;
  /** A view into the datagram. */
  Bytes payload;
};

/** Whether a datagram on a socket with both (RFC 5761) is RTCP. */
bool is_rtcp(Bytes datagram);

/** `level_extension` is the id of the audio level (RFC 6464), 0 for none. Nothing for what is not RTP version 2. */
std::optional<RtpPacket> parse_rtp(Bytes datagram, int level_extension);

/** Writes header and payload; returns the length, 0 when `out` is too small. */
std::size_t write_rtp(std::span<std::uint8_t> out, const RtpPacket& packet);

}  // namespace driftway
