/**
 * Puts the packets of one stream back into order: a ring by sequence number that waits a bounded time for what is missing, then counts it
 * as lost. Also lengthens 16-bit sequence numbers and 32-bit time stamps. Never allocates once the ring is warm.
 */
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "rtp.hpp"

namespace driftway {

/** Microseconds of CLOCK_MONOTONIC. */
using Micros = std::int64_t;

struct OrderedPacket {
  /** Lengthened; the same count goes on over wrap-arounds, and starts anew with `is_restart`. */
  std::int64_t sequence = 0;
  std::int64_t timestamp = 0;
  Micros arrived = 0;
  int level = kLevelUnknown;
  /** The sender began anew: sequence and time stamp have nothing to do with those before. */
  bool is_restart = false;
  /** How many packets before this one were given up. */
  int lost_before = 0;
  Bytes payload;
};

class Reorder {
 public:
  using Sink = std::function<void(const OrderedPacket&)>;
  static constexpr int kCapacity = 128;

  struct Counters {
    std::int64_t packets = 0;
    std::int64_t duplicates = 0;
    std::int64_t late = 0;
    std::int64_t lost = 0;
    std::int64_t restarts = 0;
  };

  /** `hold` is how long a missing packet is waited for. */
  explicit Reorder(Micros hold) : hold_(hold) {}

  /** Takes one packet and gives what is in order to `sink`. */
  void push(const RtpPacket& packet, Micros now, const Sink& sink);
  /** Gives up what has been missing for too long. */
  void poll(Micros now, const Sink& sink);
  /** Gives out all that is held: the stream ends. */
  void flush(const Sink& sink);

  const Counters& counters() const { return counters_; }
  bool is_empty() const { return held_ == 0; }

 private:
  struct Slot {
    bool is_full = false;
    std::int64_t sequence = 0;
    std::int64_t timestamp = 0;
    Micros arrived = 0;
    int level = kLevelUnknown;
    std::vector<std::uint8_t> payload;
  };

  Slot& slot(std::int64_t sequence) { return slots_[static_cast<std::size_t>(sequence % kCapacity)]; }
  bool is_elsewhere(std::int64_t sequence) const;
  void begin(const RtpPacket& packet);
  void store(const RtpPacket& packet, std::int64_t sequence, Micros now);
  void deliver_ready(const Sink& sink);
  void note_gap();
  void skip_gap(const Sink& sink);
  void deliver(Slot& from, const Sink& sink);

  Micros hold_;
  bool has_started_ = false;
  bool is_restart_ = false;
  std::int64_t next_ = 0;
  std::int64_t last_sequence_ = 0;
  std::int64_t last_timestamp_ = 0;
  int lost_before_ = 0;
  /** Sequence number that would confirm a restart, -1 for none. */
  int confirm_ = -1;
  int held_ = 0;
  Micros gap_since_ = 0;
  Counters counters_;
  std::array<Slot, kCapacity> slots_;
};

}  // namespace driftway
