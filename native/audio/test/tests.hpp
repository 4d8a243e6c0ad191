/** The smallest test frame that will do: TEST registers, CHECK counts. */
#pragma once
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace driftway {

struct Tests {
  std::vector<std::pair<std::string, std::function<void()>>> all;
  int failures = 0;
  static Tests& instance();
};

struct Registered {
  Registered(std::string title, std::function<void()> body) { Tests::instance().all.emplace_back(std::move(title), std::move(body)); }
};

template <class T>
std::string shown(const T& value) {
  if constexpr (requires { std::cout << value; }) {
    std::ostringstream out;
    out << value;
    return out.str();
  } else {
    return "(a value)";
  }
}

inline void check(bool is_good, const char* file, int line, const std::string& what) {
  if (is_good) return;
  ++Tests::instance().failures;
  std::cerr << file << ":" << line << ": " << what << "\n";
}

template <class A, class B>
void check_equal(const A& got, const B& wanted, const char* file, int line, const std::string& what) {
  check(got == wanted, file, line, what + ": got " + shown(got) + ", wanted " + shown(wanted));
}

}  // namespace driftway

#define DRIFTWAY_JOIN2(a, b) a##b
#define DRIFTWAY_JOIN(a, b) DRIFTWAY_JOIN2(a, b)
#define TEST(title)                                                                                     \
  static void DRIFTWAY_JOIN(test_, __LINE__)();                                                         \
  static const driftway::Registered DRIFTWAY_JOIN(registered_, __LINE__)(title, DRIFTWAY_JOIN(test_, __LINE__)); \
  static void DRIFTWAY_JOIN(test_, __LINE__)()
#define CHECK(condition) driftway::check((condition), __FILE__, __LINE__, #condition)
#define CHECK_EQ(got, wanted) driftway::check_equal((got), (wanted), __FILE__, __LINE__, #got " == " #wanted)
