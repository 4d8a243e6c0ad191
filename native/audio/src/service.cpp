/** See service.hpp. */
#include "service.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <unordered_map>

#include "folder.hpp"
#include "opus-packet.hpp"
#include "version.hpp"

namespace driftway {
namespace {

constexpr std::int64_t kIdMax = std::int64_t{1} << 53;
constexpr std::int64_t kU32 = 0xffffffff;
constexpr std::int64_t kPortMax = 65535;
constexpr std::int64_t kPositionMax = std::int64_t{48000} * 3600 * 24 * 7;

std::string ok() { return "\"ok\":true"; }

std::string ok(JsonLine line) {
  const std::string object = line.take();
  return ok() + "," + object.substr(1, object.size() - 2);
}

std::string err(std::string_view code, std::string_view detail = {}) {
  std::string out = "\"ok\":false,\"err\":" + json_quote(code);
  if (!detail.empty()) out += ",\"detail\":" + json_quote(detail);
  return out;
}

/** What an answer says of a failed system call. */
std::string err_of(int error) {
  switch (error) {
    case EADDRINUSE:
      return err("port_in_use");
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EINVAL:
      return err("not_found");
    default:
      return err("io", std::strerror(error));
  }
}

JsonLine event(std::string_view name) {
  JsonLine line;
  line.text("ev", name);
  return line;
}

void put_segment(JsonLine& line, std::int64_t room, const Segment& segment) {
  line.number("room", room)
      .text("user", segment.user)
      .text("file", segment.file)
      .number("ssrc", segment.ssrc)
      .number("offset", segment.offset)
      .number("samples", segment.samples);
}

void put_play(JsonLine& line, std::int64_t job, const PlayState& state) {
  line.number("job", job)
      .number("packets", state.packets)
      .number("refused", state.refused)
      .number("invalid", state.invalid)
      .number("position", state.position)
      .number("sequence", state.sequence)
      .number("timestamp", state.timestamp);
}

void put_mix(JsonLine& line, std::int64_t job, const MixState& state) {
  line.number("job", job)
      .number("sources", state.sources)
      .number("talking", state.talking)
      .number("packets", state.packets)
      .number("refused", state.refused)
      .number("late", state.ticks_late)
      .number("sequence", state.sequence)
      .number("timestamp", state.timestamp);
}

StreamTarget read_target(Args& args) {
  StreamTarget target;
  target.port = static_cast<std::uint16_t>(args.integer("to", 1, kPortMax));
  target.ssrc = static_cast<std::uint32_t>(args.integer("ssrc", 1, kU32));
  target.payload_type = static_cast<std::uint8_t>(args.integer("pt", 0, 127));
  target.sequence = static_cast<std::uint16_t>(args.integer_or("sequence", 0, 0xffff, 0));
  target.timestamp = static_cast<std::uint32_t>(args.integer_or("timestamp", 0, kU32, 0));
  return target;
}

MixSettings read_mix(Args& args) {
  MixSettings settings;
  settings.bitrate = static_cast<int>(args.integer_or("bitrate", 6000, 128000, settings.bitrate));
  settings.noise = args.boolean_or("noise", false);
  settings.gain = args.boolean_or("gain", false);
  return settings;
}

}  // namespace

Service::Service(Loop& loop, const Roots& roots, Sink events) : loop_(loop), roots_(roots), events_(std::move(events)) {}

Service::~Service() = default;

std::string Service::handle(std::string_view line) {
  const auto request = Json::parse(line);
  const Json* id = request && request->is_object() ? request->find("id") : nullptr;
  const auto number = id == nullptr ? std::nullopt : id->integer();
  if (!number) return "{" + err("bad_json") + "}";
  const Json* op = request->find("op");
  const std::string* name = op == nullptr ? nullptr : op->string();
  Args args(*request);
  return "{\"id\":" + std::to_string(*number) + "," + (name == nullptr ? err("bad_op") : dispatch(*name, args)) + "}";
}

std::string Service::dispatch(const std::string& op, Args& args) {
  static const std::unordered_map<std::string, Handler> kHandlers = {
      {"hello", &Service::hello},           {"ping", &Service::ping},
      {"stats", &Service::stats},           {"room.open", &Service::room_open},
      {"room.close", &Service::room_close}, {"ssrc.add", &Service::ssrc_add},
      {"ssrc.remove", &Service::ssrc_remove}, {"rec.start", &Service::rec_start},
      {"rec.stop", &Service::rec_stop},     {"vad.set", &Service::vad_set},
      {"play.open", &Service::play_open},   {"play.start", &Service::play_start},
      {"play.pause", &Service::play_pause}, {"play.stop", &Service::play_stop},
      {"mix.open", &Service::mix_open},     {"mix.start", &Service::mix_start},
      {"mix.set", &Service::mix_set},       {"mix.stop", &Service::mix_stop}};
  const auto found = kHandlers.find(op);
  if (found == kHandlers.end()) return err("bad_op");
  return (this->*found->second)(args);
}

std::string Service::hello(Args&) {
  JsonLine line;
  line.text("name", "driftway-audio").number("version", kProtocolVersion).number("pid", ::getpid()).boolean("rnnoise", kHasRnnoise);
  return ok(std::move(line));
}

std::string Service::ping(Args&) { return ok(); }

std::string Service::stats(Args&) {
  std::string rooms;
  for (const auto& [id, room] : rooms_) {
    const auto& counters = room->counters();
    JsonLine line;
    line.number("room", id)
        .number("sources", static_cast<std::int64_t>(room->sources()))
        .boolean("recording", room->is_recording())
        .number("packets", counters.packets)
        .number("rtcp", counters.rtcp)
        .number("unknown", counters.unknown)
        .number("malformed", counters.malformed)
        .number("longestTurnUs", room->take_longest_turn());
    rooms += (rooms.empty() ? "" : ",") + line.take();
  }
  std::string mixes;
  for (const auto& [id, mix] : mixes_) {
    JsonLine line;
    put_mix(line, id, mix.job->state());
    mixes += (mixes.empty() ? "" : ",") + line.take();
  }
  JsonLine line;
  line.raw("rooms", "[" + rooms + "]").raw("mixes", "[" + mixes + "]").number("plays", static_cast<std::int64_t>(plays_.size()));
  return ok(std::move(line));
}

Room* Service::room(std::int64_t id) {
  const auto found = rooms_.find(id);
  return found == rooms_.end() ? nullptr : found->second.get();
}

Room* Service::find_room(Args& args, std::string& error) {
  Room* found = room(args.integer("room", 0, kIdMax));
  if (!args.is_good()) error = err("bad_arg", args.fault());
  else if (found == nullptr) error = err("not_found", "room");
  return error.empty() ? found : nullptr;
}

std::string Service::room_open(Args& args) {
  const std::int64_t id = args.integer("room", 0, kIdMax);
  const auto port = static_cast<std::uint16_t>(args.integer_or("port", 0, kPortMax, 0));
  if (!args.is_good()) return err("bad_arg", args.fault());
  if (rooms_.contains(id)) return err("exists");
  if (rooms_.size() >= kRoomsMax) return err("limit");
  auto socket = UdpSocket::bind(port);
  if (socket == nullptr) return err_of(errno);
  auto room = std::make_unique<Room>(id, std::move(socket), loop_, *this);
  JsonLine line;
  line.number("port", room->port());
  rooms_[id] = std::move(room);
  return ok(std::move(line));
}

std::string Service::room_close(Args& args) {
  std::string error;
  const Room* room = find_room(args, error);
  if (room == nullptr) return error;
  const std::int64_t id = args.integer("room", 0, kIdMax);
  std::erase_if(mixes_, [&](auto& entry) { return entry.second.room == id; });
  rooms_.erase(id);
  return ok();
}

std::string Service::ssrc_add(Args& args) {
  std::string error;
  SourceOptions source;
  source.user = args.name("user");
  source.ssrc = static_cast<std::uint32_t>(args.integer("ssrc", 0, kU32));
  source.payload_type = static_cast<std::uint8_t>(args.integer("pt", 0, 127));
  source.level_extension = static_cast<int>(args.integer_or("level", 0, 255, 0));
  source.from = static_cast<std::uint16_t>(args.integer("from", 1, kPortMax));
  Room* room = find_room(args, error);
  if (room == nullptr) return error;
  return room->add(source) ? ok() : err("limit");
}

std::string Service::ssrc_remove(Args& args) {
  std::string error;
  const auto ssrc = static_cast<std::uint32_t>(args.integer("ssrc", 0, kU32));
  const auto from = static_cast<std::uint16_t>(args.integer("from", 1, kPortMax));
  Room* room = find_room(args, error);
  if (room == nullptr) return error;
  room->remove(ssrc, from);
  return ok();
}

std::string Service::rec_start(Args& args) {
  std::string error;
  const std::string path = args.path("folder");
  const std::int64_t base = args.integer("base", 0, kIdMax);
  Room* room = find_room(args, error);
  if (room == nullptr) return error;
  if (room->is_recording()) return err("exists");
  const int folder_fd = open_folder_below(roots_.recordings_fd, path);
  if (folder_fd < 0) return err_of(errno);
  room->start_recording(folder_fd, base);
  return ok();
}

std::string Service::rec_stop(Args& args) {
  std::string error;
  Room* room = find_room(args, error);
  if (room == nullptr) return error;
  return room->stop_recording() ? ok() : err("not_found", "recording");
}

std::string Service::vad_set(Args& args) {
  std::string error;
  const bool is_on = args.boolean_or("on", true);
  Room* room = find_room(args, error);
  if (room == nullptr) return error;
  room->detect(is_on);
  return ok();
}

std::string Service::play_open(Args& args) {
  const std::int64_t id = args.integer("job", 0, kIdMax);
  const auto port = static_cast<std::uint16_t>(args.integer_or("port", 0, kPortMax, 0));
  const std::string path = args.path("file");
  if (!args.is_good()) return err("bad_arg", args.fault());
  if (plays_.contains(id)) return err("exists");
  if (plays_.size() >= kPlaysMax) return err("limit");
  const int fd = open_file_below(roots_.library_fd, path);
  if (fd < 0) return err_of(errno);
  auto file = std::make_unique<OggReader>(fd);
  if (!file->open()) return err("bad_file");
  auto socket = UdpSocket::bind(port);
  if (socket == nullptr) return err_of(errno);
  auto job = std::make_unique<PlayJob>(
      loop_, std::move(socket), std::move(file),
      [this, id](const char* reason, const PlayState& state) { play_done(id, reason, state); },
      [this, id](const PlayState& state) {
        JsonLine line = event("play.progress");
        put_play(line, id, state);
        events_(line.take());
      });
  JsonLine line;
  line.number("port", job->port());
  plays_[id] = std::move(job);
  return ok(std::move(line));
}

std::string Service::play_start(Args& args) {
  const auto found = plays_.find(args.integer("job", 0, kIdMax));
  const StreamTarget target = read_target(args);
  const std::int64_t position = args.integer_or("position", 0, kPositionMax, 0);
  const bool is_looped = args.boolean_or("loop", false);
  if (!args.is_good()) return err("bad_arg", args.fault());
  if (found == plays_.end()) return err("not_found", "job");
  return found->second->start(target, position, is_looped) ? ok() : err("exists");
}

std::string Service::play_pause(Args& args) {
  const auto found = plays_.find(args.integer("job", 0, kIdMax));
  const bool is_on = args.boolean_or("on", true);
  if (!args.is_good()) return err("bad_arg", args.fault());
  if (found == plays_.end()) return err("not_found", "job");
  found->second->pause(is_on);
  return ok();
}

std::string Service::play_stop(Args& args) {
  const auto found = plays_.find(args.integer("job", 0, kIdMax));
  if (!args.is_good()) return err("bad_arg", args.fault());
  if (found == plays_.end()) return err("not_found", "job");
  found->second->stop();
  return ok();
}

void Service::play_done(std::int64_t job, const char* reason, const PlayState& state) {
  JsonLine line = event("play.done");
  line.text("reason", reason);
  put_play(line, job, state);
  plays_.erase(job);
  events_(line.take());
}

std::string Service::mix_open(Args& args) {
  std::string error;
  const std::int64_t id = args.integer("job", 0, kIdMax);
  const auto port = static_cast<std::uint16_t>(args.integer_or("port", 0, kPortMax, 0));
  Room* room = find_room(args, error);
  if (room == nullptr) return error;
  if (mixes_.contains(id)) return err("exists");
  if (mixes_.size() >= kMixesMax) return err("limit");
  auto socket = UdpSocket::bind(port);
  if (socket == nullptr) return err_of(errno);
  auto job = std::make_unique<MixJob>(loop_, std::move(socket), [this, id](const MixState& state) {
    JsonLine line = event("mix.progress");
    put_mix(line, id, state);
    events_(line.take());
  });
  room->attach(job.get());
  JsonLine line;
  line.number("port", job->port());
  mixes_[id] = Mix{args.integer("room", 0, kIdMax), std::move(job)};
  return ok(std::move(line));
}

std::string Service::mix_start(Args& args) {
  const auto found = mixes_.find(args.integer("job", 0, kIdMax));
  const StreamTarget target = read_target(args);
  const MixSettings settings = read_mix(args);
  if (!args.is_good()) return err("bad_arg", args.fault());
  if (found == mixes_.end()) return err("not_found", "job");
  found->second.job->start(target, settings);
  return ok();
}

std::string Service::mix_set(Args& args) {
  const auto found = mixes_.find(args.integer("job", 0, kIdMax));
  const MixSettings settings = read_mix(args);
  if (!args.is_good()) return err("bad_arg", args.fault());
  if (found == mixes_.end()) return err("not_found", "job");
  found->second.job->set(settings);
  return ok();
}

std::string Service::mix_stop(Args& args) {
  const auto found = mixes_.find(args.integer("job", 0, kIdMax));
  if (!args.is_good()) return err("bad_arg", args.fault());
  if (found == mixes_.end()) return err("not_found", "job");
  if (const auto room = rooms_.find(found->second.room); room != rooms_.end()) room->second->detach(found->second.job.get());
  mixes_.erase(found);
  return ok();
}

void Service::finish() {
  for (auto& [_, room] : rooms_) room->stop_recording();
}

void Service::poll() {
  const Micros now = monotonic_now();
  for (auto& [_, room] : rooms_) room->poll(now);
}

void Service::segment_opened(std::int64_t room, const Segment& segment) {
  JsonLine line = event("rec.segment");
  put_segment(line, room, segment);
  events_(line.take());
}

void Service::segment_closed(std::int64_t room, const Segment& segment) {
  JsonLine line = event("rec.done");
  put_segment(line, room, segment);
  line.number("packets", segment.packets)
      .number("filled", segment.filled)
      .number("lost", segment.lost)
      .number("late", segment.late)
      .number("duplicates", segment.duplicates)
      .number("invalid", segment.invalid)
      .number("bytes", segment.bytes)
      .text("sha256", segment.sha256)
      .text("end", segment.end);
  events_(line.take());
}

void Service::track_failed(std::int64_t room, const std::string& user, int error) {
  JsonLine line = event("fault");
  line.text("what", "disk").number("room", room).text("user", user).text("detail", std::strerror(error));
  events_(line.take());
}

void Service::talking(std::int64_t room, const std::string& user, bool is_on) {
  JsonLine line = event("vad");
  line.number("room", room).text("user", user).boolean("on", is_on);
  events_(line.take());
}

}  // namespace driftway
