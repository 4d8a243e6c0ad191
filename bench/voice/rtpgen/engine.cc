/** See engine.h. */
#include "engine.h"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace {

constexpr int64_t kCycleNs = 20'000'000;
constexpr int64_t kTimersNs = 10'000'000;
constexpr int64_t kWarmNs = 300'000'000;
constexpr int64_t kTailNs = 400'000'000;
constexpr int64_t kLateNs = 2'000'000;
/** A generator that is further behind than this leaves packets out instead of sending a burst. */
constexpr int64_t kBehindMaxNs = 200'000'000;
constexpr uint32_t kSamplesPerPacket = 960;
constexpr unsigned kReadMax = 8;
constexpr size_t kPacketMax = 1500;

uint32_t read32(const uint8_t* at) {
  return static_cast<uint32_t>(at[0]) << 24 | static_cast<uint32_t>(at[1]) << 16 |
         static_cast<uint32_t>(at[2]) << 8 | at[3];
}

/** The kernel's receive time, 0 where it gave none. */
int64_t receive_time(const msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(const_cast<msghdr*>(&message), part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec at{};
    std::memcpy(&at, CMSG_DATA(part), sizeof at);
    return static_cast<int64_t>(at.tv_sec) * 1'000'000'000 + at.tv_nsec;
  }
  return 0;
}

const char* name_of(Peer::State state) {
  switch (state) {
    case Peer::State::kIceReady:
      return "ice";
    case Peer::State::kConnected:
      return "connected";
    case Peer::State::kFailed:
      return "failed";
    default:
      return nullptr;
  }
}

}  // namespace

void tell(const char* format, ...) {
  va_list values;
  va_start(values, format);
  std::vprintf(format, values);
  va_end(values);
  std::putchar('\n');
  std::fflush(stdout);
}

Engine::Engine(const std::vector<int>& watched_cores) : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)) {
  for (const int core : watched_cores) detectors_.push_back(std::make_unique<GapDetector>(core));
}

Engine::~Engine() { close(epoll_fd_); }

Peer* Engine::find(uint32_t id) {
  const auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : found->second.get();
}

std::string Engine::add_peer(uint32_t id, const std::string& address, uint16_t port,
                             IceCredentials credentials) {
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(port);
  if (inet_pton(AF_INET, address.c_str(), &server.sin_addr) != 1) return "not an IPv4 address";
  if (ntohl(server.sin_addr.s_addr) >> 24 != 127) return "load goes to 127.0.0.0/8 only";
  if (find(id) != nullptr) return "peer exists";
  adopt(std::make_unique<Peer>(id, server, std::move(credentials), identity_.context()));
  return "";
}

std::string Engine::add_plain(uint32_t id, uint16_t port) {
  if (find(id) != nullptr) return "peer exists";
  sockaddr_in receiver{};
  receiver.sin_family = AF_INET;
  receiver.sin_port = htons(port);
  receiver.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  adopt(std::make_unique<Peer>(id, receiver));
  tell(R"({"ev":"plain","id":%u,"port":%u})", id, find(id)->local_port());
  return "";
}

void Engine::adopt(std::unique_ptr<Peer> peer) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = peer.get();
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, peer->fd(), &event);
  const uint32_t id = peer->id();
  peers_[id] = std::move(peer);
}

std::string Engine::allow_dtls(uint32_t id) {
  Peer* peer = find(id);
  if (peer == nullptr) return "no such peer";
  peer->allow_dtls();
  return "";
}

std::string Engine::close_peer(uint32_t id) {
  if (find(id) == nullptr) return "no such peer";
  hush(id);
  talkers_.erase(id);
  peers_.erase(id);
  return "";
}

std::string Engine::talk(uint32_t id, uint32_t ssrc, uint8_t payload_type, uint8_t level_extension,
                         uint32_t phase_us) {
  Peer* peer = find(id);
  if (peer == nullptr) return "no such peer";
  // One that was silent goes on where it stopped: SRTP refuses numbers that it has seen.
  std::shared_ptr<Talker>& talker = talkers_[id];
  if (talker == nullptr) talker = std::make_shared<Talker>();
  talker->peer = peer;
  talker->ssrc = ssrc;
  talker->payload_type = payload_type;
  talker->level_extension = level_extension;
  talker->phase_ns = static_cast<int64_t>(phase_us) * 1000 % kCycleNs;
  order_talkers();
  return "";
}

std::string Engine::hush(uint32_t id) {
  const auto found = talkers_.find(id);
  if (found == talkers_.end()) return "does not talk";
  found->second->peer = nullptr;
  order_talkers();
  return "";
}

std::string Engine::hear(uint32_t id, uint32_t ssrc, uint32_t from) {
  Peer* peer = find(id);
  const auto talker = talkers_.find(from);
  if (peer == nullptr || talker == talkers_.end()) return "no such peer";
  unhear(id, ssrc);
  Stream stream;
  stream.ssrc = ssrc;
  stream.from = talker->second;
  peer->streams.push_back(std::move(stream));
  return "";
}

std::string Engine::unhear(uint32_t id, uint32_t ssrc) {
  Peer* peer = find(id);
  if (peer == nullptr) return "no such peer";
  std::erase_if(peer->streams, [ssrc](const Stream& stream) { return stream.ssrc == ssrc; });
  return "";
}

std::string Engine::measure(uint32_t window_ms) {
  if (window_.is_open) return "a window is open";
  window_ = Window{};
  window_.is_open = true;
  window_.from_ns = realtime_ns() + kWarmNs;
  window_.to_ns = window_.from_ns + static_cast<int64_t>(window_ms) * 1'000'000;
  return "";
}

void Engine::tell_sent() const {
  uint64_t count = 0;
  for (const auto& [id, talker] : talkers_) count += talker->count;
  tell(R"({"ev":"sent","count":%)" PRIu64 "}", count);
}

void Engine::watch_control(int control_fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, control_fd, &event);
}

void Engine::order_talkers() {
  order_.clear();
  for (const auto& [id, talker] : talkers_)
    if (talker->peer != nullptr) order_.push_back(talker.get());
  std::stable_sort(order_.begin(), order_.end(),
                   [](const Talker* a, const Talker* b) { return a->phase_ns < b->phase_ns; });
  const int64_t now = monotonic_ns();
  if (now - cycle_ns_ >= kCycleNs) cycle_ns_ = now;
  next_ = 0;
  while (next_ < order_.size() && cycle_ns_ + order_[next_]->phase_ns <= now) next_ += 1;
}

int64_t Engine::next_due_ns() const {
  if (order_.empty()) return INT64_MAX;
  return next_ < order_.size() ? cycle_ns_ + order_[next_]->phase_ns
                               : cycle_ns_ + kCycleNs + order_.front()->phase_ns;
}

void Engine::send_due(int64_t now_ns) {
  if (!order_.empty() && now_ns - cycle_ns_ > kBehindMaxNs) {
    cycle_ns_ = now_ns;
    next_ = 0;
  }
  for (int64_t due = next_due_ns(); due <= now_ns; due = next_due_ns()) {
    if (next_ >= order_.size()) {
      next_ = 0;
      cycle_ns_ += kCycleNs;
    }
    send_one(*order_[next_], due, now_ns);
    next_ += 1;
  }
}

void Engine::send_one(Talker& talker, int64_t due_ns, int64_t now_ns) {
  if (talker.peer->state() != Peer::State::kConnected) return;
  int64_t sent_at = 0;
  const bool sent = talker.peer->send(talker, &sent_at);
  talker.sent_at[talker.count % kRememberedPackets] = sent_at;
  talker.count += 1;
  if (!window_.is_open || sent_at < window_.from_ns || sent_at >= window_.to_ns) return;
  talker.window_count += 1;
  window_.sent += 1;
  if (!sent) window_.refused += 1;
  const int64_t late = now_ns - due_ns;
  if (late > kLateNs) window_.late += 1;
  window_.latest_ns = std::max(window_.latest_ns, late);
}

bool Engine::turn() {
  const int64_t now = monotonic_ns();
  send_due(now);
  if (now >= next_timers_ns_) look_at_timers(now);
  int64_t wait = 0;
  if (!window_.is_open) {
    wait = std::clamp<int64_t>(std::min(next_due_ns(), next_timers_ns_) - now, 0, kTimersNs);
  }
  epoll_event events[256];
  const timespec timeout{0, wait};
  const int count = epoll_pwait2(epoll_fd_, events, 256, &timeout, nullptr);
  bool has_control = false;
  for (int i = 0; i < count; i += 1) {
    if (events[i].data.ptr == nullptr) {
      has_control = true;
      continue;
    }
    read(*static_cast<Peer*>(events[i].data.ptr));
    // A burst to read must not delay what is due.
    if ((i & 15) == 15) send_due(monotonic_ns());
  }
  return has_control;
}

void Engine::read(Peer& peer) {
  static uint8_t packets[kReadMax][kPacketMax];
  static uint8_t controls[kReadMax][64];
  mmsghdr messages[kReadMax] = {};
  iovec parts[kReadMax];
  for (unsigned i = 0; i < kReadMax; i += 1) {
    parts[i] = {packets[i], kPacketMax};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_control = controls[i];
    messages[i].msg_hdr.msg_controllen = sizeof controls[i];
  }
  const int count = recvmmsg(peer.fd(), messages, kReadMax, MSG_DONTWAIT, nullptr);
  for (int i = 0; i < count; i += 1) {
    take(peer, packets[i], messages[i].msg_len, receive_time(messages[i].msg_hdr));
  }
}

void Engine::take(Peer& peer, uint8_t* packet, size_t bytes, int64_t received_ns) {
  const bool is_media = bytes >= 12 && packet[0] >= 128 && packet[0] < 192;
  if (!is_media) {
    const Peer::State before = peer.state();
    peer.on_control_packet(packet, bytes);
    note_state(peer, before);
    return;
  }
  const bool is_rtcp = packet[1] >= 192 && packet[1] <= 223;
  if (is_rtcp) return;
  const uint32_t ssrc = read32(packet + 8);
  for (Stream& stream : peer.streams) {
    if (stream.ssrc != ssrc) continue;
    take_media(peer, stream, packet, bytes, received_ns);
    return;
  }
  window_.strangers += 1;
}

void Engine::take_media(Peer& peer, Stream& stream, uint8_t* packet, size_t bytes,
                        int64_t received_ns) {
  const Talker& from = *stream.from;
  const uint64_t index = read32(packet + 4) / kSamplesPerPacket;
  if (!stream.is_heard) {
    stream.is_heard = true;
    tell(R"({"ev":"first","id":%u,"ssrc":%u,"ns":"%)" PRId64 R"(","authentic":%s})", peer.id(),
         stream.ssrc, monotonic_ns(), peer.verify(packet, bytes) ? "true" : "false");
  }
  const bool is_known = index < from.count && from.count - index <= kRememberedPackets;
  const int64_t sent_at = is_known ? from.sent_at[index % kRememberedPackets] : 0;
  if (!window_.is_open || sent_at < window_.from_ns || sent_at >= window_.to_ns) return;
  stream.window_count += 1;
  latency_.record(received_ns - sent_at);
  if (stream.last_ns >= window_.from_ns)
    window_.longest_gap_ns = std::max(window_.longest_gap_ns, received_ns - stream.last_ns);
  stream.last_ns = received_ns;
}

void Engine::look_at_timers(int64_t now_ns) {
  next_timers_ns_ = now_ns + kTimersNs;
  for (const auto& [id, peer] : peers_) peer->on_time(now_ns);
  if (!window_.is_open) return;
  const int64_t now = realtime_ns();
  if (!window_.has_begun && now >= window_.from_ns) begin_window();
  if (now >= window_.to_ns + kTailNs) end_window();
}

void Engine::note_state(Peer& peer, Peer::State before) {
  const char* name = peer.state() == before ? nullptr : name_of(peer.state());
  if (name == nullptr) return;
  tell(R"({"ev":"%s","id":%u,"ns":"%)" PRId64 R"("})", name, peer.id(), monotonic_ns());
}

void Engine::begin_window() {
  window_.has_begun = true;
  for (const auto& detector : detectors_) detector->clear();
  tell(R"({"ev":"begin"})");
}

void Engine::end_window() {
  uint64_t expected = 0;
  uint64_t received = 0;
  for (const auto& [id, peer] : peers_) {
    for (Stream& stream : peer->streams) {
      expected += stream.from->window_count;
      received += stream.window_count;
      stream.window_count = 0;
    }
  }
  for (const auto& [id, talker] : talkers_) talker->window_count = 0;
  std::string cores;
  for (const auto& detector : detectors_) {
    char text[160];
    std::snprintf(text, sizeof text,
                  R"(%s{"core":%d,"independent":%s,"longestUs":%)" PRId64 R"(,"sumUs":%)" PRId64 "}",
                  cores.empty() ? "" : ",", detector->core(),
                  detector->is_independent() ? "true" : "false", detector->longest_ns() / 1000,
                  detector->sum_ns() / 1000);
    cores += text;
  }
  tell(R"({"ev":"window","sent":%)" PRIu64 R"(,"refused":%)" PRIu64 R"(,"late":%)" PRIu64
       R"(,"latestUs":%)" PRId64 R"(,"expected":%)" PRIu64 R"(,"received":%)" PRIu64
       R"(,"strangers":%)" PRIu64
       R"(,"p50Us":%.0f,"p90Us":%.0f,"p99Us":%.0f,"p999Us":%.0f,"maxUs":%.0f,"gapUs":%)" PRId64
       R"(,"cores":[%s]})",
       window_.sent, window_.refused, window_.late, window_.latest_ns / 1000, expected, received,
       window_.strangers, latency_.percentile_us(0.5), latency_.percentile_us(0.9),
       latency_.percentile_us(0.99), latency_.percentile_us(0.999), latency_.max_us(),
       window_.longest_gap_ns / 1000, cores.c_str());
  latency_.clear();
  window_ = Window{};
}
