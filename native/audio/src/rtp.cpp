/** See rtp.hpp. */
#include "rtp.hpp"

#include <algorithm>

namespace driftway {
namespace {

constexpr std::uint16_t kOneByteProfile = 0xbede;
constexpr std::uint16_t kTwoByteProfile = 0x1000;

std::uint16_t read16(Bytes from, std::size_t at) {
  return static_cast<std::uint16_t>((from[at] << 8) | from[at + 1]);
}

std::uint32_t read32(Bytes from, std::size_t at) {
  return (static_cast<std::uint32_t>(read16(from, at)) << 16) | read16(from, at + 2);
}

/** One element of a header extension; `next` is where the following one begins. */
struct Element {
  int id;
  Bytes data;
  std::size_t next;
};

std::optional<Element> element_at(Bytes extension, std::size_t at, bool is_two_byte) {
  const std::size_t header = is_two_byte ? 2 : 1;
  if (at + header > extension.size()) return std::nullopt;
  const int id = is_two_byte ? extension[at] : extension[at] >> 4;
  const std::size_t length = is_two_byte ? extension[at + 1] : (extension[at] & 0x0f) + 1u;
  // Id 15 of the one-byte form ends the extension (RFC 8285, 4.2).
  if (!is_two_byte && id == 15) return std::nullopt;
  if (at + header + length > extension.size()) return std::nullopt;
  return Element{id, extension.subspan(at + header, length), at + header + length};
}

int level_of(std::uint16_t profile, Bytes extension, int wanted) {
  const bool is_two_byte = (profile & 0xfff0) == kTwoByteProfile;
  if (wanted <= 0 || (!is_two_byte && profile != kOneByteProfile)) return kLevelUnknown;
  std::size_t at = 0;
  while (at < extension.size()) {
    if (extension[at] == 0) {
      ++at;
      continue;
    }
    const auto element = element_at(extension, at, is_two_byte);
    if (!element) return kLevelUnknown;
    if (element->id == wanted && !element->data.empty()) return element->data[0] & 0x7f;
    at = element->next;
  }
  return kLevelUnknown;
}

}  // namespace

bool is_rtcp(Bytes datagram) {
  return datagram.size() >= 2 && datagram[1] >= 192 && datagram[1] <= 223;
}

std::optional<RtpPacket> parse_rtp(Bytes datagram, int level_extension) {
  if (datagram.size() < kRtpHeaderBytes || (datagram[0] >> 6) != 2) return std::nullopt;
  RtpPacket packet;
  packet.marker = (datagram[1] & 0x80) != 0;
  packet.payload_type = datagram[1] & 0x7f;
  packet.sequence = read16(datagram, 2);
  packet.timestamp = read32(datagram, 4);
  packet.ssrc = read32(datagram, 8);
  std::size_t at = kRtpHeaderBytes + 4u * (datagram[0] & 0x0f);
  if ((datagram[0] & 0x10) != 0) {
    if (at + 4 > datagram.size()) return std::nullopt;
    const std::uint16_t profile = read16(datagram, at);
    const std::size_t length = 4u * read16(datagram, at + 2);
    if (at + 4 + length > datagram.size()) return std::nullopt;
    packet.level = level_of(profile, datagram.subspan(at + 4, length), level_extension);
    at += 4 + length;
  }
  std::size_t end = datagram.size();
  if ((datagram[0] & 0x20) != 0) {
    const std::size_t padding = datagram[end - 1];
    if (padding == 0 || at + padding > end) return std::nullopt;
    end -= padding;
  }
  if (at > end) return std::nullopt;
  packet.payload = datagram.subspan(at, end - at);
  return packet;
}

std::size_t write_rtp(std::span<std::uint8_t> out, const RtpPacket& packet) {
  const std::size_t length = kRtpHeaderBytes + packet.payload.size();
  if (out.size() < length) return 0;
  out[0] = 0x80;
  out[1] = static_cast<std::uint8_t>((packet.marker ? 0x80 : 0) | (packet.payload_type & 0x7f));
  for (int i = 0; i < 2; ++i) out[2 + i] = static_cast<std::uint8_t>(packet.sequence >> (8 * (1 - i)));
  for (int i = 0; i < 4; ++i) out[4 + i] = static_cast<std::uint8_t>(packet.timestamp >> (8 * (3 - i)));
  for (int i = 0; i < 4; ++i) out[8 + i] = static_cast<std::uint8_t>(packet.ssrc >> (8 * (3 - i)));
  std::copy(packet.payload.begin(), packet.payload.end(), out.begin() + kRtpHeaderBytes);
  return length;
}

}  // namespace driftway
