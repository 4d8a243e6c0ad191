/**
 * SRTP with AEAD_AES_256_GCM (RFC 3711, RFC 7714), one direction of one peer. Main thread only.
 * The only profile that the generator offers, so the only one that is negotiated.
 */
#pragma once
#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>

constexpr size_t kSrtpKeyBytes = 32;
constexpr size_t kSrtpSaltBytes = 12;
constexpr size_t kSrtpTagBytes = 16;

class SrtpKey {
 public:
  enum class Direction { kProtect, kUnprotect };

  /** From the master key and salt that DTLS exported. */
  SrtpKey(Direction direction, const uint8_t* master_key, const uint8_t* master_salt);
  ~SrtpKey();
  SrtpKey(const SrtpKey&) = delete;
  SrtpKey& operator=(const SrtpKey&) = delete;

  /** Encrypts the payload in place and appends the tag; returns the new length, 0 on failure. */
  size_t protect(uint8_t* packet, size_t header_bytes, size_t bytes, uint32_t roc);

  /** Decrypts in place; returns the length without the tag, 0 where the packet is not authentic. */
  size_t unprotect(uint8_t* packet, size_t header_bytes, size_t bytes, uint32_t roc);

 private:
  void make_iv(const uint8_t* packet, uint32_t roc, uint8_t* iv) const;

  EVP_CIPHER_CTX* context_;
  uint8_t salt_[kSrtpSaltBytes];
};

/** Length of the RTP header with CSRCs and extension, 0 for a packet that is too short. */
size_t rtp_header_bytes(const uint8_t* packet, size_t bytes);
