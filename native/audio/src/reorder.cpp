/** See reorder.hpp. */
#include "reorder.hpp"

namespace driftway {
namespace {

/** RFC 3550 A.1: a jump of this size is a sender that began anew, if the next packet confirms it. */
constexpr int kDropoutMax = 3000;
constexpr int kMisorderMax = 100;
/** The lengthened count begins here, so that packets from before the first one stay above zero. */
constexpr std::int64_t kBase = std::int64_t{1} << 32;

}  // namespace

void Reorder::push(const RtpPacket& packet, Micros now, const Sink& sink) {
  if (!has_started_) begin(packet);
  const auto step = static_cast<std::int16_t>(packet.sequence - static_cast<std::uint16_t>(last_sequence_));
  std::int64_t sequence = last_sequence_ + step;
  if (is_elsewhere(sequence)) {
    if (confirm_ != packet.sequence) {
      confirm_ = static_cast<std::uint16_t>(packet.sequence + 1);
      ++counters_.late;
      return;
    }
    flush(sink);
    begin(packet);
    is_restart_ = true;
    ++counters_.restarts;
    sequence = last_sequence_;
  }
  confirm_ = -1;
  ++counters_.packets;
  if (sequence < next_) {
    // It was given out or given up already; which of the two is not kept.
    ++counters_.late;
    return;
  }
  while (held_ > 0 && sequence - next_ >= kCapacity) skip_gap(sink);
  if (sequence - next_ >= kCapacity) {
    const auto lost = sequence - next_;
    counters_.lost += lost;
    lost_before_ += static_cast<int>(lost);
    next_ = sequence;
  }
  if (slot(sequence).is_full) {
    ++counters_.duplicates;
    return;
  }
  store(packet, sequence, now);
  deliver_ready(sink);
  note_gap();
  poll(now, sink);
}

void Reorder::poll(Micros now, const Sink& sink) {
  while (held_ > 0 && now - gap_since_ >= hold_) {
    skip_gap(sink);
    note_gap();
  }
}

void Reorder::flush(const Sink& sink) {
  while (held_ > 0) skip_gap(sink);
}

bool Reorder::is_elsewhere(std::int64_t sequence) const {
  const std::int64_t ahead = sequence - last_sequence_;
  return ahead > kDropoutMax || ahead < -kMisorderMax - kCapacity;
}

void Reorder::begin(const RtpPacket& packet) {
  has_started_ = true;
  last_sequence_ = kBase + packet.sequence;
  last_timestamp_ = kBase + packet.timestamp;
  next_ = last_sequence_;
}

void Reorder::store(const RtpPacket& packet, std::int64_t sequence, Micros now) {
  const auto step = static_cast<std::int32_t>(packet.timestamp - static_cast<std::uint32_t>(last_timestamp_));
  Slot& to = slot(sequence);
  to.is_full = true;
  to.sequence = sequence;
  to.timestamp = last_timestamp_ + step;
  to.arrived = now;
  to.level = packet.level;
  to.payload.assign(packet.payload.begin(), packet.payload.end());
  ++held_;
  if (sequence > last_sequence_) {
    last_sequence_ = sequence;
    last_timestamp_ = to.timestamp;
  }
}

void Reorder::deliver_ready(const Sink& sink) {
  while (held_ > 0 && slot(next_).is_full) {
    deliver(slot(next_), sink);
    gap_since_ = 0;
  }
}

/** A gap is as old as the oldest packet that waits behind it. */
void Reorder::note_gap() {
  if (held_ == 0 || gap_since_ != 0) return;
  for (const Slot& held : slots_)
    if (held.is_full && (gap_since_ == 0 || held.arrived < gap_since_)) gap_since_ = held.arrived;
}

void Reorder::skip_gap(const Sink& sink) {
  while (!slot(next_).is_full) {
    ++counters_.lost;
    ++lost_before_;
    ++next_;
  }
  deliver_ready(sink);
}

void Reorder::deliver(Slot& from, const Sink& sink) {
  OrderedPacket out;
  out.sequence = from.sequence;
  out.timestamp = from.timestamp;
  out.arrived = from.arrived;
  out.level = from.level;
  out.is_restart = is_restart_;
  out.lost_before = lost_before_;
  out.payload = from.payload;
  from.is_full = false;
  --held_;
  next_ = from.sequence + 1;
  is_restart_ = false;
  lost_before_ = 0;
  sink(out);
}

}  // namespace driftway
