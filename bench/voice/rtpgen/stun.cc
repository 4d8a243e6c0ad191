/** See stun.h. */
#include "stun.h"

#include <openssl/hmac.h>

#include <array>
#include <cstring>

namespace {

constexpr uint32_t kMagic = 0x2112a442;
constexpr uint16_t kUsername = 0x0006;
constexpr uint16_t kIntegrity = 0x0008;
constexpr uint16_t kPriority = 0x0024;
constexpr uint16_t kUseCandidate = 0x0025;
constexpr uint16_t kFingerprint = 0x8028;
constexpr uint16_t kControlling = 0x802a;
constexpr size_t kHeaderBytes = 20;
constexpr size_t kIntegrityBytes = 20;

void put16(uint8_t* at, uint32_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

void put32(uint8_t* at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value & 0xffff);
}

uint32_t crc32(const uint8_t* bytes, size_t count) {
  static const std::array<uint32_t, 256> kTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; i += 1) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; bit += 1) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320u : 0);
      table[i] = value;
    }
    return table;
  }();
  uint32_t crc = ~0u;
  for (size_t i = 0; i < count; i += 1) crc = kTable[(crc ^ bytes[i]) & 255] ^ (crc >> 8);
  return ~crc;
}

/** Appends attributes to a message whose length field is kept right for what follows. */
class Writer {
 public:
  explicit Writer(uint8_t* out) : out_(out) {}

  void attribute(uint16_t type, const void* value, size_t bytes) {
    put16(out_ + at_, type);
    put16(out_ + at_ + 2, static_cast<uint32_t>(bytes));
    std::memcpy(out_ + at_ + 4, value, bytes);
    const size_t padded = (bytes + 3) & ~static_cast<size_t>(3);
    std::memset(out_ + at_ + 4 + bytes, 0, padded - bytes);
    at_ += 4 + padded;
  }

  /** The length as it will be with `more` bytes behind. */
  void announce(size_t more) { put16(out_ + 2, static_cast<uint32_t>(at_ + more - kHeaderBytes)); }

  size_t length() const { return at_; }

 private:
  uint8_t* out_;
  size_t at_ = kHeaderBytes;
};

}  // namespace

size_t write_binding_request(uint8_t* out, const IceCredentials& server, uint64_t number) {
  put16(out, 0x0001);
  put32(out + 4, kMagic);
  put32(out + 8, 0x64726966);
  put32(out + 12, static_cast<uint32_t>(number >> 32));
  put32(out + 16, static_cast<uint32_t>(number));
  Writer writer(out);
  const std::string name = server.ufrag + ":rtpgen";
  writer.attribute(kUsername, name.data(), name.size());
  uint8_t value[8] = {0x6e, 0x7f, 0xff, 0xff, 1, 2, 3, 4};
  writer.attribute(kPriority, value, 4);
  writer.attribute(kControlling, value, 8);
  writer.attribute(kUseCandidate, value, 0);
  writer.announce(4 + kIntegrityBytes);
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned digest_bytes = 0;
  HMAC(EVP_sha1(), server.password.data(), static_cast<int>(server.password.size()), out,
       writer.length(), digest, &digest_bytes);
  writer.attribute(kIntegrity, digest, kIntegrityBytes);
  writer.announce(8);
  uint8_t sum[4];
  put32(sum, crc32(out, writer.length()) ^ 0x5354554e);
  writer.attribute(kFingerprint, sum, 4);
  return writer.length();
}

bool is_binding_success(const uint8_t* packet, size_t bytes) {
  return bytes >= kHeaderBytes && packet[0] == 0x01 && packet[1] == 0x01;
}
