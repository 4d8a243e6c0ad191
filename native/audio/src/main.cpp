/**
 * driftway-audio: the process that records, plays and mixes. `--control-fd N --recordings DIR --library DIR` serves until the control
 * channel ends; `--recover FILE.part ...` repairs what a killed process left and prints one line of JSON for each; `--version`.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>
#include <span>
#include <string>
#include <string_view>

#include "control.hpp"
#include "loop.hpp"
#include "recover.hpp"
#include "service.hpp"
#include "version.hpp"

namespace {

using namespace driftway;

constexpr Micros kPollEvery = 100'000;
constexpr rlim_t kFilesMax = 16384;

struct Options {
  int control_fd = -1;
  Service::Roots roots;
};

/** No core dumps with people's voices in them, no way to more rights, as many files as speakers. */
void confine() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = std::min<rlim_t>(files.rlim_max, kFilesMax);
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::signal(SIGPIPE, SIG_IGN);
  // Ctrl-C is the server's to handle: it ends us by closing the channel.
  ::signal(SIGINT, SIG_IGN);
}

int open_root(const char* path) { return ::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC); }

bool read_options(std::span<char*> args, Options& out) {
  for (std::size_t i = 0; i + 1 < args.size(); i += 2) {
    const std::string_view name = args[i];
    const char* value = args[i + 1];
    if (name == "--control-fd") {
      const auto [end, error] = std::from_chars(value, value + std::strlen(value), out.control_fd);
      if (error != std::errc() || *end != '\0') return false;
    } else if (name == "--recordings") {
      out.roots.recordings_fd = open_root(value);
    } else if (name == "--library") {
      out.roots.library_fd = open_root(value);
    } else {
      return false;
    }
  }
  return args.size() % 2 == 0 && out.control_fd >= 0;
}

int serve(const Options& options) {
  Loop loop;
  Control* channel = nullptr;
  Service service(loop, options.roots, [&](std::string line) {
    if (channel != nullptr) channel->event(std::move(line));
  });
  Control control(loop, options.control_fd, [&](std::string_view line) { return service.handle(line); }, [&] { loop.stop(); });
  channel = &control;
  const std::function<void()> poll = [&] {
    service.poll();
    loop.at(monotonic_now() + kPollEvery, poll);
  };
  poll();
  loop.run();
  service.finish();
  return 0;
}

int recover(std::span<char*> paths) {
  int failures = 0;
  for (const char* path : paths) {
    const auto done = recover_recording(path);
    JsonLine line;
    line.text("part", path).boolean("ok", done.has_value());
    if (done) {
      line.text("file", done->file)
          .number("samples", done->samples)
          .number("bytes", done->bytes)
          .text("sha256", done->sha256)
          .text("user", done->user)
          .text("ssrc", done->ssrc)
          .text("offset", done->offset);
    } else {
      ++failures;
    }
    std::puts(line.take().c_str());
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<char*> args(argv + 1, static_cast<std::size_t>(argc - 1));
  try {
    confine();
    if (!args.empty() && std::string_view(args[0]) == "--recover") return recover(args.subspan(1));
    if (!args.empty() && std::string_view(args[0]) == "--version") {
      std::printf("driftway-audio %d%s\n", kProtocolVersion, kHasRnnoise ? " rnnoise" : "");
      return 0;
    }
    Options options;
    if (read_options(args, options)) return serve(options);
    std::fputs("use: driftway-audio --control-fd N [--recordings DIR] [--library DIR] | --recover FILE.part ... | --version\n", stderr);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "driftway-audio: %s\n", error.what());
    return 1;
  }
}
