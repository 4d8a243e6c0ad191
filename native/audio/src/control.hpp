/**
 * Owns the control channel: lines of JSON in and out on one inherited descriptor. Input lines and waiting output are bounded; when the server
 * does not read any more, events are dropped first, and at the hard bound the process ends (it would be restarted and told anew).
 */
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "loop.hpp"

namespace driftway {

inline constexpr std::size_t kLineBytesMax = 64 * 1024;
inline constexpr std::size_t kEventBytesMax = 1 << 20;
inline constexpr std::size_t kAnswerBytesMax = 4 << 20;

class Control {
 public:
  /** Gets one line without its end, gives the answer. */
  using Handler = std::function<std::string(std::string_view line)>;

  Control(Loop& loop, int fd, Handler handler, std::function<void()> on_closed);
  ~Control();

  void event(std::string line);
  std::int64_t dropped() const { return dropped_; }

  /** What came in; public for the fuzzer. */
  void feed(std::string_view bytes);

 private:
  void on_readable();
  void answer(std::string line);
  void push(std::string line);
  void write_out();

  Loop& loop_;
  int fd_;
  Handler handler_;
  std::function<void()> on_closed_;
  std::string in_;
  bool is_skipping_ = false;
  std::string out_;
  std::int64_t dropped_ = 0;
  bool is_closed_ = false;
};

}  // namespace driftway
