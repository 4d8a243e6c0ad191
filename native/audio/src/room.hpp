/**
 * Owns what one room sends here: its socket, the table of its speakers, and what is done with their packets (recording, voice detection,
 * mix). A packet counts only when its SSRC is known and it comes from the port that belongs to it.
 */
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "loop.hpp"
#include "mix-job.hpp"
#include "track.hpp"
#include "udp.hpp"
#include "vad.hpp"

namespace driftway {

inline constexpr std::size_t kSourcesPerRoomMax = 512;

struct SourceOptions {
  std::string user;
  std::uint32_t ssrc = 0;
  std::uint8_t payload_type = 0;
  int level_extension = 0;
  /** Port of the media worker that sends it. */
  std::uint16_t from = 0;
};

/** What a room tells; synchronously, in the loop's turn. */
class RoomEvents {
 public:
  virtual ~RoomEvents() = default;
  virtual void segment_opened(std::int64_t room, const Segment& segment) = 0;
  virtual void segment_closed(std::int64_t room, const Segment& segment) = 0;
  virtual void track_failed(std::int64_t room, const std::string& user, int error) = 0;
  virtual void talking(std::int64_t room, const std::string& user, bool is_on) = 0;
};

struct RoomCounters {
  std::int64_t packets = 0;
  std::int64_t rtcp = 0;
  std::int64_t unknown = 0;
  std::int64_t malformed = 0;
};

class Room : public TrackEvents {
 public:
  Room(std::int64_t id, std::unique_ptr<UdpSocket> socket, Loop& loop, RoomEvents& events);
  ~Room() override;

  std::uint16_t port() const { return socket_->port(); }
  /** False at the bound. A source that is there already stays as it is. */
  bool add(const SourceOptions& options);
  void remove(std::uint32_t ssrc, std::uint16_t from);
  /** Takes over the folder. False while one is running. */
  bool start_recording(int folder_fd, Micros base);
  /** Ends every track; their segments are told on the way. */
  bool stop_recording();
  bool is_recording() const { return folder_fd_ >= 0; }
  void detect(bool is_on);
  void attach(MixJob* mix);
  void detach(MixJob* mix);
  /** One datagram, as from the socket. */
  void datagram(Bytes data, std::uint16_t from, Micros now);
  void poll(Micros now);

  std::size_t sources() const { return sources_.size(); }
  const RoomCounters& counters() const { return counters_; }
  /** The longest that a turn with datagrams took since the last call. */
  Micros take_longest_turn() { return std::exchange(longest_turn_, 0); }

 private:
  struct Source {
    SourceOptions options;
    std::unique_ptr<Track> track;
    std::unique_ptr<Vad> vad;
    bool is_talking = false;
  };
  void segment_opened(const Segment& segment) override { events_.segment_opened(id_, segment); }
  void segment_closed(const Segment& segment) override { events_.segment_closed(id_, segment); }
  void track_failed(const std::string& user, int error) override { events_.track_failed(id_, user, error); }
  static std::uint64_t key(std::uint32_t ssrc, std::uint16_t from) { return (std::uint64_t{from} << 32) | ssrc; }
  void equip(Source& source);
  void set_talking(Source& source, bool is_on);

  std::int64_t id_;
  std::unique_ptr<UdpSocket> socket_;
  Loop& loop_;
  RoomEvents& events_;
  std::unordered_map<std::uint64_t, Source> sources_;
  std::vector<MixJob*> mixes_;
  int folder_fd_ = -1;
  Micros base_ = 0;
  bool is_detecting_ = false;
  RoomCounters counters_;
  Micros longest_turn_ = 0;
};

}  // namespace driftway
