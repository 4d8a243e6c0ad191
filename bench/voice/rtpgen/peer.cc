/** See peer.h. */
#include "peer.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "stats.h"

namespace {

constexpr int64_t kBindingRetryNs = 50'000'000;
constexpr int64_t kConsentNs = 5'000'000'000;
constexpr unsigned kDtlsRetryUs = 100'000;
constexpr int kDtlsBytesMax = 1200;
constexpr size_t kPayloadBytes = 80;
constexpr uint32_t kSamplesPerPacket = 960;
/** Voice activity and -20 dBov. */
constexpr uint8_t kLevel = 0x80 | 20;

/** 20 ms of Opus (hybrid, full band, mono) that decode to noise: any bytes behind the first one are a valid packet. */
const std::array<uint8_t, kPayloadBytes> kPayload = [] {
  std::array<uint8_t, kPayloadBytes> payload{};
  uint32_t state = 1;
  for (uint8_t& one : payload) {
    state = state * 1664525 + 1013904223;
    one = static_cast<uint8_t>(state >> 24);
  }
  payload[0] = 15 << 3;
  return payload;
}();

void put16(uint8_t* at, uint32_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

void put32(uint8_t* at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value & 0xffff);
}

int open_socket(const sockaddr_in& server) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw std::runtime_error("peer: no more sockets");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) {
    close(fd);
    throw std::runtime_error("peer: no way to the server's address");
  }
  return fd;
}

std::string fingerprint_of(X509* certificate) {
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned bytes = 0;
  X509_digest(certificate, EVP_sha256(), digest, &bytes);
  std::string text;
  for (unsigned i = 0; i < bytes; i += 1) {
    char hex[4];
    std::snprintf(hex, sizeof hex, i == 0 ? "%02X" : ":%02X", digest[i]);
    text += hex;
  }
  return text;
}

unsigned dtls_retry(SSL*, unsigned previous_us) {
  return previous_us == 0 ? kDtlsRetryUs : std::min(2 * previous_us, 1'000'000u);
}

}  // namespace

DtlsIdentity::DtlsIdentity() : context_(SSL_CTX_new(DTLS_client_method())) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  if (context_ == nullptr || key == nullptr || certificate == nullptr)
    throw std::runtime_error("dtls: no certificate");
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 7 * 24 * 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const uint8_t*>("rtpgen"),
                             -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  const bool ok = X509_sign(certificate, key, EVP_sha256()) > 0 &&
                  SSL_CTX_use_certificate(context_, certificate) == 1 &&
                  SSL_CTX_use_PrivateKey(context_, key) == 1 &&
                  SSL_CTX_set_tlsext_use_srtp(context_, "SRTP_AEAD_AES_256_GCM") == 0;
  if (!ok) throw std::runtime_error("dtls: settings refused");
  SSL_CTX_set_options(context_, SSL_OP_NO_QUERY_MTU);
  fingerprint_ = fingerprint_of(certificate);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

DtlsIdentity::~DtlsIdentity() { SSL_CTX_free(context_); }

Peer::Peer(uint32_t id, const sockaddr_in& server, IceCredentials credentials, SSL_CTX* context)
    : id_(id),
      fd_(open_socket(server)),
      credentials_(std::move(credentials)),
      ssl_(SSL_new(context)),
      in_(BIO_new(BIO_s_mem())),
      out_(BIO_new(BIO_s_mem())) {
  if (ssl_ == nullptr || in_ == nullptr || out_ == nullptr)
    throw std::runtime_error("dtls: no memory");
  // Reading an empty memory BIO must say "again", not "end".
  BIO_set_mem_eof_return(in_, -1);
  SSL_set_bio(ssl_, in_, out_);
  SSL_set_mtu(ssl_, kDtlsBytesMax);
  SSL_set_connect_state(ssl_);
  DTLS_set_timer_cb(ssl_, dtls_retry);
  on_time(monotonic_ns());
}

Peer::Peer(uint32_t id, const sockaddr_in& receiver)
    : id_(id), fd_(open_socket(receiver)), ssl_(nullptr), state_(State::kConnected) {}

uint16_t Peer::local_port() const {
  sockaddr_in local{};
  socklen_t bytes = sizeof local;
  getsockname(fd_, reinterpret_cast<sockaddr*>(&local), &bytes);
  return ntohs(local.sin_port);
}

Peer::~Peer() {
  SSL_free(ssl_);
  close(fd_);
}

void Peer::allow_dtls() {
  may_handshake_ = !is_plain();
  if (state_ == State::kIceReady) begin_dtls();
}

void Peer::on_time(int64_t now_ns) {
  if (is_plain()) return;
  if (now_ns >= next_binding_ns_) ask_binding(now_ns);
  if (state_ != State::kHandshake) return;
  if (DTLSv1_handle_timeout(ssl_) != 0) flush();
}

void Peer::ask_binding(int64_t now_ns) {
  uint8_t packet[256];
  const uint64_t number = static_cast<uint64_t>(id_) << 24 | (bindings_ & 0xffffff);
  bindings_ += 1;
  const size_t bytes = write_binding_request(packet, credentials_, number);
  // A refused datagram is repeated like a lost one.
  if (::send(fd_, packet, bytes, 0) < 0) errno = 0;
  next_binding_ns_ = now_ns + (state_ == State::kIce ? kBindingRetryNs : kConsentNs);
}

void Peer::on_control_packet(const uint8_t* packet, size_t bytes) {
  if (bytes == 0 || is_plain()) return;
  if (packet[0] < 4) {
    if (state_ != State::kIce || !is_binding_success(packet, bytes)) return;
    state_ = State::kIceReady;
    next_binding_ns_ = monotonic_ns() + kConsentNs;
    if (may_handshake_) begin_dtls();
    return;
  }
  const bool is_dtls = packet[0] >= 20 && packet[0] < 64;
  if (!is_dtls || state_ != State::kHandshake) return;
  BIO_write(in_, packet, static_cast<int>(bytes));
  go_on();
}

void Peer::begin_dtls() {
  state_ = State::kHandshake;
  go_on();
}

void Peer::go_on() {
  // What another peer left in the queue of this thread would be taken for a failure of this one.
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  flush();
  if (result == 1) {
    take_keys();
    return;
  }
  const int error = SSL_get_error(ssl_, result);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) state_ = State::kFailed;
}

/** What DTLS wrote, cut into datagrams between records: a memory BIO keeps no borders. */
void Peer::flush() {
  char* data = nullptr;
  const long total = BIO_get_mem_data(out_, &data);
  long from = 0;
  long at = 0;
  const auto send_until = [&](long end) {
    if (end > from && ::send(fd_, data + from, static_cast<size_t>(end - from), 0) < 0) errno = 0;
    from = end;
  };
  while (at + 13 <= total) {
    const auto* record = reinterpret_cast<const uint8_t*>(data + at);
    const long next = at + 13 + (record[11] << 8 | record[12]);
    if (next - from > kDtlsBytesMax) send_until(at);
    at = next;
  }
  send_until(std::min(at, total));
  (void)BIO_reset(out_);
}

void Peer::take_keys() {
  constexpr size_t kBytes = 2 * (kSrtpKeyBytes + kSrtpSaltBytes);
  static const char kExporter[] = "EXTRACTOR-dtls_srtp";
  uint8_t keys[kBytes];
  if (SSL_get_selected_srtp_profile(ssl_) == nullptr ||
      SSL_export_keying_material(ssl_, keys, kBytes, kExporter, sizeof kExporter - 1, nullptr, 0,
                                 0) != 1) {
    state_ = State::kFailed;
    return;
  }
  const uint8_t* salts = keys + 2 * kSrtpKeyBytes;
  send_key_ = std::make_unique<SrtpKey>(SrtpKey::Direction::kProtect, keys, salts);
  receive_key_ = std::make_unique<SrtpKey>(SrtpKey::Direction::kUnprotect, keys + kSrtpKeyBytes,
                                           salts + kSrtpSaltBytes);
  state_ = State::kConnected;
}

bool Peer::send(Talker& talker, int64_t* sent_at_ns) {
  uint8_t packet[12 + 8 + kPayloadBytes + kSrtpTagBytes] = {};
  packet[0] = 0x90;
  packet[1] = talker.payload_type;
  put16(packet + 2, static_cast<uint32_t>(talker.count & 0xffff));
  put32(packet + 4, static_cast<uint32_t>(talker.count * kSamplesPerPacket));
  put32(packet + 8, talker.ssrc);
  put32(packet + 12, 0xbede0001);
  packet[16] = static_cast<uint8_t>(talker.level_extension << 4);
  packet[17] = kLevel;
  const uint32_t roc = static_cast<uint32_t>(talker.count >> 16);
  std::memcpy(packet + 20, kPayload.data(), kPayloadBytes);
  size_t bytes = 20 + kPayloadBytes;
  if (!is_plain()) bytes = send_key_->protect(packet, 20, bytes, roc);
  *sent_at_ns = realtime_ns();
  return bytes > 0 && ::send(fd_, packet, bytes, 0) == static_cast<ssize_t>(bytes);
}

bool Peer::verify(uint8_t* packet, size_t bytes) {
  const size_t header = rtp_header_bytes(packet, bytes);
  return receive_key_ != nullptr && header > 0 &&
         receive_key_->unprotect(packet, header, bytes, 0) > 0;
}
