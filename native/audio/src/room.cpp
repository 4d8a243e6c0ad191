/** See room.hpp. */
#include "room.hpp"

#include <unistd.h>

#include <algorithm>

namespace driftway {

Room::Room(std::int64_t id, std::unique_ptr<UdpSocket> socket, Loop& loop, RoomEvents& events)
    : id_(id), socket_(std::move(socket)), loop_(loop), events_(events) {
  loop_.watch(socket_->fd(), [this] {
    // One time for all datagrams of a turn: they have been waiting together.
    const Micros now = monotonic_now();
    socket_->receive([this, now](Bytes data, std::uint16_t from) { datagram(data, from, now); });
    longest_turn_ = std::max(longest_turn_, monotonic_now() - now);
  });
}

Room::~Room() {
  stop_recording();
  loop_.unwatch(socket_->fd());
}

bool Room::add(const SourceOptions& options) {
  if (sources_.size() >= kSourcesPerRoomMax) return false;
  const auto [entry, is_new] = sources_.try_emplace(key(options.ssrc, options.from));
  if (!is_new) return true;
  entry->second.options = options;
  equip(entry->second);
  return true;
}

void Room::remove(std::uint32_t ssrc, std::uint16_t from) {
  const auto found = sources_.find(key(ssrc, from));
  if (found == sources_.end()) return;
  set_talking(found->second, false);
  if (found->second.track != nullptr) found->second.track->stop();
  for (MixJob* mix : mixes_) mix->remove(found->first);
  sources_.erase(found);
}

bool Room::start_recording(int folder_fd, Micros base) {
  if (is_recording()) return false;
  folder_fd_ = folder_fd;
  base_ = base;
  for (auto& [_, source] : sources_) equip(source);
  return true;
}

bool Room::stop_recording() {
  if (!is_recording()) return false;
  for (auto& [_, source] : sources_) {
    if (source.track != nullptr) source.track->stop();
    source.track.reset();
  }
  ::close(folder_fd_);
  folder_fd_ = -1;
  return true;
}

void Room::detect(bool is_on) {
  is_detecting_ = is_on;
  for (auto& [_, source] : sources_) {
    if (!is_on) {
      set_talking(source, false);
      source.vad.reset();
    }
    equip(source);
  }
}

void Room::equip(Source& source) {
  if (is_recording() && source.track == nullptr) {
    Track::Options options;
    options.user = source.options.user;
    options.ssrc = source.options.ssrc;
    options.folder_fd = folder_fd_;
    options.base = base_;
    source.track = std::make_unique<Track>(std::move(options), *this);
  }
  if (is_detecting_ && source.vad == nullptr) source.vad = std::make_unique<Vad>();
}

void Room::attach(MixJob* mix) { mixes_.push_back(mix); }

void Room::detach(MixJob* mix) { std::erase(mixes_, mix); }

void Room::datagram(Bytes data, std::uint16_t from, Micros now) {
  if (is_rtcp(data)) {
    ++counters_.rtcp;
    return;
  }
  // The SSRC lies at a fixed place, and says which header extension to look for.
  if (data.size() < kRtpHeaderBytes) {
    ++counters_.malformed;
    return;
  }
  const auto ssrc = (std::uint32_t{data[8]} << 24) | (std::uint32_t{data[9]} << 16) | (std::uint32_t{data[10]} << 8) | data[11];
  const auto found = sources_.find(key(ssrc, from));
  if (found == sources_.end()) {
    ++counters_.unknown;
    return;
  }
  Source& source = found->second;
  const auto packet = parse_rtp(data, source.options.level_extension);
  if (!packet || packet->payload_type != source.options.payload_type) {
    ++counters_.malformed;
    return;
  }
  ++counters_.packets;
  if (packet->payload.empty()) return;
  if (source.track != nullptr) source.track->packet(*packet, now);
  if (source.vad != nullptr) set_talking(source, source.vad->packet(*packet, now));
  for (MixJob* mix : mixes_) mix->packet(found->first, *packet, now);
}

void Room::poll(Micros now) {
  for (auto& [_, source] : sources_) {
    if (source.track != nullptr) source.track->poll(now);
    if (source.vad != nullptr) set_talking(source, source.vad->poll(now));
  }
}

void Room::set_talking(Source& source, bool is_on) {
  if (source.is_talking == is_on) return;
  source.is_talking = is_on;
  events_.talking(id_, source.options.user, is_on);
}

}  // namespace driftway
