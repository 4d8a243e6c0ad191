/**
 * Throws broken input at everything that reads what others wrote: RTP, control lines, Ogg files, and the whole service. Seeded: `audio-fuzz
 * ROUNDS SEED` does the same again. Meant for the sanitized build, where any fault ends the process.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "json.hpp"
#include "ogg-reader.hpp"
#include "ogg-writer.hpp"
#include "opus-packet.hpp"
#include "playout.hpp"
#include "recover.hpp"
#include "service.hpp"
#include "support.hpp"

using namespace driftway;

namespace {

using Packet = std::vector<std::uint8_t>;

/** Changes, cuts, repeats and inserts bytes. */
Packet mutated(Chance& chance, Packet from) {
  const auto rounds = 1 + chance.below(6);
  for (std::uint64_t i = 0; i < rounds && !from.empty(); ++i) {
    const auto at = static_cast<std::ptrdiff_t>(chance.below(from.size()));
    switch (chance.below(5)) {
      case 0:
        from[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(chance.next());
        break;
      case 1:
        from[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1u << chance.below(8));
        break;
      case 2:
        from.resize(static_cast<std::size_t>(at));
        break;
      case 3:
        from.insert(from.begin() + at, static_cast<std::uint8_t>(chance.next()));
        break;
      default:
        from.erase(from.begin() + at);
    }
  }
  return from;
}

Packet bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

void fuzz_rtp(Chance& chance) {
  Packet seed = {0xb1, 0x64, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 1, 1, 1, 0xbe, 0xde, 0, 2, 0x10, 0xff, 0x22, 1, 2, 3, 0, 0, 0x78, 1, 2, 2};
  const auto packet = parse_rtp(mutated(chance, seed), static_cast<int>(chance.below(16)));
  if (packet) opus_packet_facts(packet->payload);
  opus_packet_facts(mutated(chance, made_opus(chance, static_cast<int>(chance.below(32)), chance.below(60))));
}

void fuzz_playout(Chance& chance) {
  Playout playout;
  std::vector<float> frame(960);
  for (int i = 0; i < 40; ++i) {
    const auto payload = mutated(chance, made_opus(chance, static_cast<int>(chance.below(32)), 1 + chance.below(80)));
    RtpPacket packet;
    packet.sequence = static_cast<std::uint16_t>(i);
    packet.timestamp = chance.below(10) == 0 ? static_cast<std::uint32_t>(chance.next()) : static_cast<std::uint32_t>(i * 960);
    packet.payload = payload;
    playout.packet(packet, i * 20'000);
    playout.pull(frame, i * 20'000);
  }
}

Packet made_file(Chance& chance) {
  TemporaryFolder folder;
  const int fd = folder.open();
  OggWriter::Options options;
  options.folder_fd = fd;
  options.name = "a.opus";
  options.comments = {{"DRIFTWAY_USER", "7"}};
  {
    auto writer = OggWriter::create(options);
    for (int i = 0; i < 120; ++i) writer->packet(made_opus(chance, 16, 30), 960);
    writer->close();
  }
  ::close(fd);
  return read_file(folder.path() + "/a.opus");
}

/** Gives every page that can be found the checksum of what it holds now. */
void sum_up(Packet& file) {
  for (std::size_t at = 0; at + 27 <= file.size();) {
    if (std::memcmp(file.data() + at, "OggS", 4) != 0) {
      ++at;
      continue;
    }
    const std::size_t header = 27u + file[at + 26];
    if (at + header > file.size()) return;
    std::size_t body = 0;
    for (std::size_t i = 27; i < header; ++i) body += file[at + i];
    if (at + header + body > file.size()) return;
    ogg_page page{file.data() + at, static_cast<long>(header), file.data() + at + header, static_cast<long>(body)};
    ogg_page_checksum_set(&page);
    at += header + body;
  }
}

void fuzz_files(Chance& chance, const Packet& good, const TemporaryFolder& folder) {
  Packet bad = mutated(chance, good);
  // Checksums would hide most faults from the reader: half of the files are broken below them.
  if (chance.below(2) == 0) sum_up(bad);
  const std::string path = folder.path() + "/f.opus.part";
  write_file(path, bad);
  OggReader reader(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (reader.open())
    while (reader.next()) continue;
  if (const auto done = recover_recording(path)) ::unlink(done->file.c_str());
}

/** Request lines that are nearly right. */
const char* kRequests[] = {
    R"({"id":1,"op":"room.open","room":1})",
    R"({"id":2,"op":"ssrc.add","room":1,"user":"7","ssrc":77,"pt":100,"level":1,"from":1000})",
    R"({"id":3,"op":"rec.start","room":1,"folder":"rec","base":0})",
    R"({"id":4,"op":"vad.set","room":1,"on":true})",
    R"({"id":5,"op":"mix.open","job":1,"room":1})",
    R"({"id":6,"op":"mix.start","job":1,"to":9,"ssrc":5,"pt":100,"bitrate":32000,"noise":true})",
    R"({"id":7,"op":"mix.set","job":1,"bitrate":6000,"gain":true})",
    R"({"id":8,"op":"play.open","job":2,"file":"rec/a.opus"})",
    R"({"id":9,"op":"play.start","job":2,"to":9,"ssrc":6,"pt":100,"loop":true})",
    R"({"id":10,"op":"play.pause","job":2,"on":true})",
    R"({"id":11,"op":"play.stop","job":2})",
    R"({"id":12,"op":"stats"})",
    R"({"id":13,"op":"ssrc.remove","room":1,"ssrc":77,"from":1000})",
    R"({"id":14,"op":"rec.stop","room":1})",
    R"({"id":15,"op":"mix.stop","job":1})",
    R"({"id":16,"op":"room.close","room":1})",
};

void fuzz_service(Chance& chance) {
  TemporaryFolder folder;
  if (::mkdir((folder.path() + "/rec").c_str(), 0700) != 0) std::abort();
  write_file(folder.path() + "/rec/a.opus", made_file(chance));
  const int root = folder.open();
  {
    Loop loop;
    Room* room = nullptr;
    Service service(loop, {root, root}, [](std::string) {});
    for (int i = 0; i < 200; ++i) {
      const std::string request = kRequests[chance.below(std::size(kRequests))];
      const Packet line = chance.below(3) == 0 ? mutated(chance, bytes_of(request)) : bytes_of(request);
      const std::string answer = service.handle({reinterpret_cast<const char*>(line.data()), line.size()});
      // Whatever came in, what goes out is one line of JSON.
      if (!Json::parse(answer) || answer.find('\n') != std::string::npos) {
        std::fprintf(stderr, "a bad answer: %s\n", answer.c_str());
        std::abort();
      }
      room = service.room(1);
      const auto payload = mutated(chance, made_opus(chance, static_cast<int>(chance.below(32)), 1 + chance.below(60)));
      const auto datagram = mutated(chance, made_rtp(77, static_cast<std::uint16_t>(i), static_cast<std::uint32_t>(i * 960), payload));
      if (room != nullptr) room->datagram(datagram, 1000, i * 20'000);
      if (i % 20 == 0) service.poll();
    }
  }
  ::close(root);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 1000;
  const auto seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  std::printf("audio-fuzz %d %llu\n", rounds, static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  Chance chance(seed);
  const Packet good = made_file(chance);
  const TemporaryFolder folder;
  for (int i = 0; i < rounds; ++i) {
    fuzz_rtp(chance);
    const Packet line = mutated(chance, bytes_of(kRequests[chance.below(std::size(kRequests))]));
    Json::parse({reinterpret_cast<const char*>(line.data()), line.size()});
    if (i % 10 == 0) fuzz_playout(chance);
    if (i % 10 == 5) fuzz_files(chance, good, folder);
    if (i % 50 == 0) fuzz_service(chance);
  }
  std::puts("done");
  return 0;
}
