/**
 * JSON of the control channel: a strict parser with bounds, and a writer. Input comes from the server process, but is treated as hostile:
 * depth, number of values and size are bounded, text must be UTF-8, keys may not repeat. Pure.
 */
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace driftway {

inline constexpr int kJsonDepthMax = 8;
inline constexpr int kJsonValuesMax = 4096;

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() : value_(nullptr) {}
  explicit Json(bool value) : value_(value) {}
  explicit Json(double value) : value_(value) {}
  explicit Json(std::string value) : value_(std::move(value)) {}
  explicit Json(Array value) : value_(std::move(value)) {}
  explicit Json(Object value) : value_(std::move(value)) {}

  /** The whole text must be one value; nothing for anything else. */
  static std::optional<Json> parse(std::string_view text);

  bool is_object() const { return std::holds_alternative<Object>(value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  /** A whole number of at most 2^53 either way. */
  std::optional<std::int64_t> integer() const;
  std::optional<double> number() const;
  std::optional<bool> boolean() const;
  /** A member of an object, or null. */
  const Json* find(std::string_view key) const;

 private:
  std::variant<std::nullptr_t, bool, double, std::string, Array, Object> value_;
};

/** Builds one flat object; nested values go in as finished text. */
class JsonLine {
 public:
  JsonLine& text(std::string_view key, std::string_view value);
  JsonLine& number(std::string_view key, std::int64_t value);
  JsonLine& real(std::string_view key, double value);
  JsonLine& boolean(std::string_view key, bool value);
  JsonLine& raw(std::string_view key, std::string_view json);
  /** The object's text; the builder is used up. */
  std::string take();

 private:
  void key(std::string_view name);
  std::string out_ = "{";
};

/** Text as a JSON string with its quotes. */
std::string json_quote(std::string_view text);

}  // namespace driftway
