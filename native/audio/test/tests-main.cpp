/** Runs all tests; a line for each, the counts as JSON at the end. `--version` only says that it can be started. */
#include <cstdio>
#include <cstring>

#include "tests.hpp"

namespace driftway {

Tests& Tests::instance() {
  static Tests tests;
  return tests;
}

}  // namespace driftway

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--version") == 0) {
    std::puts("driftway-audio tests");
    return 0;
  }
  auto& tests = driftway::Tests::instance();
  int failed = 0;
  for (const auto& [title, body] : tests.all) {
    const int before = tests.failures;
    body();
    const bool is_good = tests.failures == before;
    if (!is_good) ++failed;
    std::printf("%s %s\n", is_good ? "ok" : "FAILED", title.c_str());
  }
  std::printf("{\"passed\":%d,\"failed\":%d}\n", static_cast<int>(tests.all.size()) - failed, failed);
  return failed == 0 ? 0 : 1;
}
