/** See srtp.h. */
#include "srtp.h"

#include <cstring>
#include <stdexcept>

namespace {

constexpr uint8_t kLabelKey = 0;
constexpr uint8_t kLabelSalt = 2;

/** AES-256 in counter mode as RFC 3711 4.3.1 uses it: the salt with the label in octet 7 is the first block. */
void derive(const uint8_t* master_key, const uint8_t* master_salt, uint8_t label, uint8_t* out,
            int bytes) {
  uint8_t block[16] = {};
  std::memcpy(block, master_salt, kSrtpSaltBytes);
  block[7] ^= label;
  const uint8_t zeros[kSrtpKeyBytes] = {};
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  int written = 0;
  const bool ok = context != nullptr &&
                  EVP_EncryptInit_ex(context, EVP_aes_256_ctr(), nullptr, master_key, block) == 1 &&
                  EVP_EncryptUpdate(context, out, &written, zeros, bytes) == 1;
  EVP_CIPHER_CTX_free(context);
  if (!ok) throw std::runtime_error("srtp: key derivation failed");
}

uint16_t read16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }

}  // namespace

SrtpKey::SrtpKey(Direction direction, const uint8_t* master_key, const uint8_t* master_salt)
    : context_(EVP_CIPHER_CTX_new()) {
  uint8_t key[kSrtpKeyBytes];
  derive(master_key, master_salt, kLabelKey, key, kSrtpKeyBytes);
  derive(master_key, master_salt, kLabelSalt, salt_, kSrtpSaltBytes);
  const bool encrypts = direction == Direction::kProtect;
  if (EVP_CipherInit_ex(context_, EVP_aes_256_gcm(), nullptr, key, nullptr, encrypts ? 1 : 0) != 1)
    throw std::runtime_error("srtp: cipher failed");
}

SrtpKey::~SrtpKey() { EVP_CIPHER_CTX_free(context_); }

void SrtpKey::make_iv(const uint8_t* packet, uint32_t roc, uint8_t* iv) const {
  iv[0] = iv[1] = 0;
  std::memcpy(iv + 2, packet + 8, 4);
  for (int i = 0; i < 4; i += 1) iv[6 + i] = static_cast<uint8_t>(roc >> (24 - 8 * i));
  std::memcpy(iv + 10, packet + 2, 2);
  for (size_t i = 0; i < kSrtpSaltBytes; i += 1) iv[i] ^= salt_[i];
}

size_t SrtpKey::protect(uint8_t* packet, size_t header_bytes, size_t bytes, uint32_t roc) {
  uint8_t iv[12];
  make_iv(packet, roc, iv);
  uint8_t* payload = packet + header_bytes;
  const int payload_bytes = static_cast<int>(bytes - header_bytes);
  int written = 0;
  if (EVP_EncryptInit_ex(context_, nullptr, nullptr, nullptr, iv) != 1) return 0;
  if (EVP_EncryptUpdate(context_, nullptr, &written, packet, static_cast<int>(header_bytes)) != 1)
    return 0;
  if (EVP_EncryptUpdate(context_, payload, &written, payload, payload_bytes) != 1) return 0;
  if (EVP_EncryptFinal_ex(context_, payload + written, &written) != 1) return 0;
  if (EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_GCM_GET_TAG, kSrtpTagBytes, packet + bytes) != 1)
    return 0;
  return bytes + kSrtpTagBytes;
}

size_t SrtpKey::unprotect(uint8_t* packet, size_t header_bytes, size_t bytes, uint32_t roc) {
  if (bytes < header_bytes + kSrtpTagBytes) return 0;
  uint8_t iv[12];
  make_iv(packet, roc, iv);
  const size_t clear_bytes = bytes - kSrtpTagBytes;
  uint8_t* payload = packet + header_bytes;
  const int payload_bytes = static_cast<int>(clear_bytes - header_bytes);
  int written = 0;
  if (EVP_DecryptInit_ex(context_, nullptr, nullptr, nullptr, iv) != 1) return 0;
  if (EVP_DecryptUpdate(context_, nullptr, &written, packet, static_cast<int>(header_bytes)) != 1)
    return 0;
  if (EVP_DecryptUpdate(context_, payload, &written, payload, payload_bytes) != 1) return 0;
  if (EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_GCM_SET_TAG, kSrtpTagBytes, packet + clear_bytes) != 1)
    return 0;
  return EVP_DecryptFinal_ex(context_, payload + written, &written) == 1 ? clear_bytes : 0;
}

size_t rtp_header_bytes(const uint8_t* packet, size_t bytes) {
  if (bytes < 12) return 0;
  size_t header = 12 + 4 * static_cast<size_t>(packet[0] & 15);
  if ((packet[0] & 16) != 0) {
    if (bytes < header + 4) return 0;
    header += 4 + 4 * static_cast<size_t>(read16(packet + header + 2));
  }
  return header <= bytes ? header : 0;
}
