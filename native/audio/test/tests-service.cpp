/** Tests of service, control, loop and play-job: the process without its main. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control.hpp"
#include "opus-packet.hpp"
#include "service.hpp"
#include "support.hpp"
#include "tests.hpp"

using namespace driftway;

namespace {

struct Server {
  TemporaryFolder folder;
  Loop loop;
  std::vector<std::string> events;
  int root = folder.open();
  Service service{loop, {root, root}, [this](std::string line) { events.push_back(std::move(line)); }};

  ~Server() {
    service.finish();
    ::close(root);
  }

  Json ask(const std::string& request) {
    const std::string answer = service.handle(request);
    const auto json = Json::parse(answer);
    check(json.has_value(), __FILE__, __LINE__, "an answer that is no JSON: " + answer);
    return json ? *json : Json();
  }
  bool is_ok(const std::string& request) { return ask(request).find("ok")->boolean().value_or(false); }
  std::string error_of(const std::string& request) {
    const Json answer = ask(request);
    const Json* error = answer.find("err");
    return error == nullptr ? "none" : *error->string();
  }
  std::uint16_t port_of(const std::string& request) {
    const Json answer = ask(request);
    const Json* port = answer.find("port");
    return port == nullptr ? 0 : static_cast<std::uint16_t>(*port->integer());
  }
  /** Runs the loop for so long. */
  void run(Micros time) {
    loop.at(monotonic_now() + time, [this] { loop.stop(); });
    loop.run();
  }
};

}  // namespace

TEST("Service: requests that are wrong, get an error and change nothing") {
  Server server;
  CHECK_EQ(server.error_of("{"), std::string("bad_json"));
  CHECK_EQ(server.error_of("[]"), std::string("bad_json"));
  CHECK_EQ(server.error_of(R"({"op":"ping"})"), std::string("bad_json"));
  CHECK_EQ(server.error_of(R"({"id":1})"), std::string("bad_op"));
  CHECK_EQ(server.error_of(R"({"id":1,"op":"nothing"})"), std::string("bad_op"));
  CHECK_EQ(server.error_of(R"({"id":1,"op":"room.open","room":-1})"), std::string("bad_arg"));
  CHECK_EQ(server.error_of(R"({"id":1,"op":"rec.start","room":1,"folder":"x","base":0})"), std::string("not_found"));
  CHECK_EQ(server.error_of(R"({"id":1,"op":"play.stop","job":1})"), std::string("not_found"));
  CHECK(server.is_ok(R"({"id":1,"op":"ping"})"));
  CHECK(server.is_ok(R"({"id":1,"op":"stats"})"));
}

TEST("Service: folders outside the root, are refused") {
  Server server;
  CHECK(server.is_ok(R"({"id":1,"op":"room.open","room":1})"));
  CHECK_EQ(::symlink("/tmp", (server.folder.path() + "/link").c_str()), 0);
  for (const char* folder : {"../x", "/tmp", "a/../b", "link", "link/x", "."}) {
    const std::string request = std::string(R"({"id":1,"op":"rec.start","room":1,"base":0,"folder":")") + folder + "\"}";
    CHECK_EQ(server.error_of(request), std::string("not_found"));
  }
}

TEST("Service: packets of known speakers from their ports, are recorded, and no others") {
  Server server;
  Chance chance(1);
  const auto port = server.port_of(R"({"id":1,"op":"room.open","room":1})");
  CHECK_EQ(server.error_of(R"({"id":1,"op":"room.open","room":1})"), std::string("exists"));
  CHECK_EQ(server.error_of(R"({"id":1,"op":"room.open","room":2,"port":)" + std::to_string(port) + "}"), std::string("port_in_use"));
  auto speaker = UdpSocket::bind(0);
  auto stranger = UdpSocket::bind(0);
  const std::string from = std::to_string(speaker->port());
  CHECK(server.is_ok(R"({"id":1,"op":"ssrc.add","room":1,"user":"7","ssrc":77,"pt":100,"from":)" + from + "}"));
  CHECK(server.is_ok(R"({"id":1,"op":"rec.start","room":1,"folder":"rec","base":0})") == false);
  CHECK_EQ(::mkdir((server.folder.path() + "/rec").c_str(), 0700), 0);
  CHECK(server.is_ok(R"({"id":1,"op":"rec.start","room":1,"folder":"rec","base":0})"));
  for (int i = 0; i < 50; ++i) {
    const auto payload = made_opus(chance, 16, 50);
    const auto sequence = static_cast<std::uint16_t>(i);
    const auto timestamp = static_cast<std::uint32_t>(i) * 960u;
    speaker->send(made_rtp(77, sequence, timestamp, payload), port);
    speaker->send(made_rtp(78, sequence, timestamp, payload), port);
    speaker->send(made_rtp(77, sequence, timestamp, payload, 99), port);
    stranger->send(made_rtp(77, sequence, timestamp, payload), port);
  }
  server.run(50'000);
  CHECK(server.is_ok(R"({"id":1,"op":"rec.stop","room":1})"));
  CHECK_EQ(server.events.size(), 2u);
  const auto done = *Json::parse(server.events[1]);
  CHECK_EQ(*done.find("packets")->integer(), 50);
  CHECK_EQ(*done.find("user")->string(), std::string("7"));
  CHECK_EQ(done.find("sha256")->string()->size(), 64u);
  const Json stats = server.ask(R"({"id":1,"op":"stats"})");
  const Json& room = stats.find("rooms")->array()->at(0);
  CHECK_EQ(*room.find("unknown")->integer(), 100);
  CHECK_EQ(*room.find("malformed")->integer(), 50);
  CHECK(server.is_ok(R"({"id":1,"op":"room.close","room":1})"));
}

TEST("Service: a file that is played, arrives packet by packet with rising time") {
  Server server;
  Chance chance(2);
  const int fd = server.folder.open();
  OggWriter::Options options;
  options.folder_fd = fd;
  options.name = "a.opus";
  {
    auto writer = OggWriter::create(options);
    for (int i = 0; i < 10; ++i) writer->packet(made_opus(chance, 16, 50), 120);
    CHECK(writer->close());
  }
  ::close(fd);
  write_file(server.folder.path() + "/bad.opus", made_opus(chance, 16, 500));
  CHECK_EQ(server.error_of(R"({"id":1,"op":"play.open","job":1,"file":"bad.opus"})"), std::string("bad_file"));
  CHECK_EQ(server.error_of(R"({"id":1,"op":"play.open","job":1,"file":"none.opus"})"), std::string("not_found"));
  auto receiver = UdpSocket::bind(0);
  CHECK(server.port_of(R"({"id":1,"op":"play.open","job":1,"file":"a.opus"})") > 0);
  const std::string to = std::to_string(receiver->port());
  const std::string start = R"({"id":1,"op":"play.start","job":1,"ssrc":5,"pt":100,"sequence":65533,"timestamp":4294967000,"to":)" + to + "}";
  CHECK(server.is_ok(start));
  CHECK_EQ(server.error_of(start), std::string("exists"));
  server.run(80'000);
  std::vector<std::uint16_t> sequences;
  std::vector<std::uint32_t> times;
  receiver->receive([&](Bytes datagram, std::uint16_t) {
    const auto packet = parse_rtp(datagram, 0);
    CHECK_EQ(packet->marker, sequences.empty());
    sequences.push_back(packet->sequence);
    times.push_back(packet->timestamp);
  });
  CHECK_EQ(sequences.size(), 10u);
  CHECK_EQ(static_cast<std::uint16_t>(sequences.back() - sequences.front()), 9);
  CHECK_EQ(times.back() - times.front(), 9u * 120u);
  CHECK_EQ(server.events.size(), 1u);
  CHECK(server.events[0].find("\"reason\":\"end\"") != std::string::npos);
}

TEST("Control: lines in pieces, too long or broken, each get their answer") {
  int pair[2];
  CHECK_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  {
    Loop loop;
    int closed = 0;
    Control control(loop, pair[0], [](std::string_view line) { return "<" + std::string(line) + ">"; }, [&] {
      ++closed;
      loop.stop();
    });
    control.feed("a");
    control.feed("b\ncd\n\ne");
    control.feed(std::string(kLineBytesMax + 10, 'x'));
    control.feed("y\nf\n");
    char buffer[256];
    const ssize_t got = ::read(pair[1], buffer, sizeof buffer);
    CHECK_EQ(std::string(buffer, static_cast<std::size_t>(got)), std::string("<ab>\n<cd>\n{\"ok\":false,\"err\":\"too_long\"}\n<f>\n"));
    ::close(pair[1]);
    loop.run();
    CHECK_EQ(closed, 1);
  }
  ::close(pair[0]);
}

TEST("Control: a server that does not read, loses events and not the process's memory") {
  int pair[2];
  CHECK_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  {
    Loop loop;
    Control control(loop, pair[0], [](std::string_view) { return std::string(); }, [] {});
    for (int i = 0; i < 5000; ++i) control.event(std::string(1000, 'e'));
    CHECK(control.dropped() > 1000);
  }
  ::close(pair[0]);
  ::close(pair[1]);
}
