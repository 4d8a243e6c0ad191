/**
 * Owns everything that the server asked for: rooms, recordings, playbacks, mixes. One request line in, one answer line out, events through a
 * sink. Knows nothing of descriptors of the control channel, so that tests and fuzzers drive it directly.
 */
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "args.hpp"
#include "loop.hpp"
#include "play-job.hpp"
#include "room.hpp"

namespace driftway {

inline constexpr std::size_t kRoomsMax = 1024;
inline constexpr std::size_t kPlaysMax = 128;
inline constexpr std::size_t kMixesMax = 32;

class Service : public RoomEvents {
 public:
  struct Roots {
    /** Folder below which recordings are made; -1 for none. */
    int recordings_fd = -1;
    /** Folder below which files to play lie; -1 for none. */
    int library_fd = -1;
  };
  /** Gets one line without its end. */
  using Sink = std::function<void(std::string line)>;

  Service(Loop& loop, const Roots& roots, Sink events);
  ~Service() override;

  /** The answer, one line without its end; empty when the request carries no id to answer to. */
  std::string handle(std::string_view line);
  /** Ends all recordings, so that their files are whole. */
  void finish();
  /** Every 100 ms. */
  void poll();
  /** A room by its number, or null. */
  Room* room(std::int64_t id);

  void segment_opened(std::int64_t room, const Segment& segment) override;
  void segment_closed(std::int64_t room, const Segment& segment) override;
  void track_failed(std::int64_t room, const std::string& user, int error) override;
  void talking(std::int64_t room, const std::string& user, bool is_on) override;

 private:
  struct Mix {
    std::int64_t room = 0;
    std::unique_ptr<MixJob> job;
  };
  using Handler = std::string (Service::*)(Args& args);

  std::string dispatch(const std::string& op, Args& args);
  std::string hello(Args& args);
  std::string ping(Args& args);
  std::string stats(Args& args);
  std::string room_open(Args& args);
  std::string room_close(Args& args);
  std::string ssrc_add(Args& args);
  std::string ssrc_remove(Args& args);
  std::string rec_start(Args& args);
  std::string rec_stop(Args& args);
  std::string vad_set(Args& args);
  std::string play_open(Args& args);
  std::string play_start(Args& args);
  std::string play_pause(Args& args);
  std::string play_stop(Args& args);
  std::string mix_open(Args& args);
  std::string mix_start(Args& args);
  std::string mix_set(Args& args);
  std::string mix_stop(Args& args);

  Room* find_room(Args& args, std::string& error);
  void play_done(std::int64_t job, const char* reason, const PlayState& state);

  Loop& loop_;
  Roots roots_;
  Sink events_;
  std::map<std::int64_t, std::unique_ptr<Room>> rooms_;
  std::map<std::int64_t, std::unique_ptr<PlayJob>> plays_;
  std::map<std::int64_t, Mix> mixes_;
};

}  // namespace driftway
