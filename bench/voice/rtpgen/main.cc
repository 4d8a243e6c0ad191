/**
 * rtpgen: WebRTC peers for a load of voice. Reads one command a line from the standard input, writes one event a line (JSON) to the
 * standard output; ends when the input ends. Arguments: `--core N` to run on, `--watch N` (repeatable) for a gap detector.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <sstream>
#include <string>
#include <vector>

#include "engine.h"

namespace {

/** Carries out one command; an empty text, or why it was refused. */
std::string run(Engine& engine, const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  uint32_t id = 0;
  words >> verb;
  if (verb == "window") {
    uint32_t ms = 0;
    words >> ms;
    return words ? engine.measure(ms) : "wanted: window MS";
  }
  if (verb == "sent") {
    engine.tell_sent();
    return "";
  }
  words >> id;
  if (verb == "peer") {
    std::string address;
    uint16_t port = 0;
    IceCredentials credentials;
    words >> address >> port >> credentials.ufrag >> credentials.password;
    if (!words || credentials.ufrag.size() > 64) return "wanted: peer ID ADDRESS PORT UFRAG PASSWORD";
    return engine.add_peer(id, address, port, credentials);
  }
  if (verb == "plain") {
    uint16_t port = 0;
    words >> port;
    return words ? engine.add_plain(id, port) : "wanted: plain ID PORT";
  }
  if (verb == "talk") {
    uint32_t ssrc = 0;
    unsigned type = 0;
    unsigned extension = 0;
    uint32_t phase_us = 0;
    words >> ssrc >> type >> extension >> phase_us;
    if (!words) return "wanted: talk ID SSRC TYPE EXTENSION PHASE_US";
    return engine.talk(id, ssrc, static_cast<uint8_t>(type), static_cast<uint8_t>(extension),
                       phase_us);
  }
  if (verb == "hear" || verb == "unhear") {
    uint32_t ssrc = 0;
    uint32_t from = 0;
    words >> ssrc;
    if (verb == "unhear") return words ? engine.unhear(id, ssrc) : "wanted: unhear ID SSRC";
    words >> from;
    return words ? engine.hear(id, ssrc, from) : "wanted: hear ID SSRC FROM";
  }
  if (!words) return "wanted: VERB ID";
  if (verb == "dtls") return engine.allow_dtls(id);
  if (verb == "hush") return engine.hush(id);
  if (verb == "close") return engine.close_peer(id);
  return "unknown command";
}

/** Reads what there is and carries out whole lines; false at the end of the input. */
bool take_commands(Engine& engine, std::string& rest) {
  char bytes[16 * 1024];
  const ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
  if (count == 0) return false;
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  rest.append(bytes, static_cast<size_t>(count));
  size_t from = 0;
  for (size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', from)) {
    const std::string line = rest.substr(from, end - from);
    from = end + 1;
    const std::string fault = run(engine, line);
    if (!fault.empty())
      tell(R"({"ev":"refused","verb":"%.12s","why":"%s"})", line.substr(0, line.find(' ')).c_str(),
           fault.c_str());
  }
  rest.erase(0, from);
  return true;
}

void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<int> watched;
  int core = -1;
  for (int i = 1; i + 1 < count; i += 2) {
    const int value = std::atoi(arguments[i + 1]);
    if (std::strcmp(arguments[i], "--core") == 0) core = value;
    if (std::strcmp(arguments[i], "--watch") == 0) watched.push_back(value);
  }
  raise_file_limit();
  std::signal(SIGPIPE, SIG_IGN);
  fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
  try {
    Engine engine(watched);
    if (core >= 0 && !bind_to_core(core)) {
      std::fprintf(stderr, "rtpgen: may not run on core %d\n", core);
      return 1;
    }
    engine.watch_control(STDIN_FILENO);
    tell(R"({"ev":"hello","fingerprint":"%s"})", engine.fingerprint().c_str());
    std::string rest;
    for (;;) {
      if (engine.turn() && !take_commands(engine, rest)) return 0;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rtpgen: %s\n", error.what());
    return 1;
  }
}
