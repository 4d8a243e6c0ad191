/** See json.hpp. */
#include "json.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace driftway {
namespace {

constexpr double kWholeMax = 9007199254740992.0;

/** Length of the UTF-8 sequence at the start of `text`, 0 for none that is legal (overlong forms, surrogates, past U+10FFFF). */
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto tail = [&](std::size_t i) { return i < text.size() && (at(i) & 0xc0) == 0x80; };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!tail(1) || !tail(2)) return 0;
    if (first == 0xe0 && at(1) < 0xa0) return 0;
    if (first == 0xed && at(1) > 0x9f) return 0;
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (first == 0xf0 && at(1) < 0x90) return 0;
    if (first == 0xf4 && at(1) > 0x8f) return 0;
    return 4;
  }
  return 0;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | (code >> 6));
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3f));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  bool whole(Json& out) {
    if (!value(out, 1)) return false;
    space();
    return rest_.empty();
  }

 private:
  bool value(Json& out, int depth) {
    if (depth > kJsonDepthMax || ++values_ > kJsonValuesMax) return false;
    space();
    if (rest_.empty()) return false;
    switch (rest_.front()) {
      case '{':
        return object(out, depth);
      case '[':
        return array(out, depth);
      case '"': {
        std::string text;
        if (!string(text)) return false;
        out = Json(std::move(text));
        return true;
      }
      case 't':
        out = Json(true);
        return word("true");
      case 'f':
        out = Json(false);
        return word("false");
      case 'n':
        out = Json();
        return word("null");
      default:
        return number(out);
    }
  }

  bool object(Json& out, int depth) {
    Json::Object members;
    take('{');
    space();
    if (take('}')) {
      out = Json(std::move(members));
      return true;
    }
    do {
      std::string name;
      Json member;
      space();
      if (!string(name)) return false;
      space();
      if (!take(':') || !value(member, depth + 1)) return false;
      for (const auto& [known, _] : members)
        if (known == name) return false;
      members.emplace_back(std::move(name), std::move(member));
      space();
    } while (take(','));
    if (!take('}')) return false;
    out = Json(std::move(members));
    return true;
  }

  bool array(Json& out, int depth) {
    Json::Array items;
    take('[');
    space();
    if (take(']')) {
      out = Json(std::move(items));
      return true;
    }
    do {
      Json item;
      if (!value(item, depth + 1)) return false;
      items.push_back(std::move(item));
      space();
    } while (take(','));
    if (!take(']')) return false;
    out = Json(std::move(items));
    return true;
  }

  bool string(std::string& out) {
    if (!take('"')) return false;
    while (!rest_.empty()) {
      const char first = rest_.front();
      if (take('"')) return true;
      if (static_cast<unsigned char>(first) < 0x20) return false;
      if (take('\\')) {
        if (!escape(out)) return false;
        continue;
      }
      const std::size_t length = utf8_length(rest_);
      if (length == 0) return false;
      out.append(rest_.substr(0, length));
      rest_.remove_prefix(length);
    }
    return false;
  }

  bool escape(std::string& out) {
    if (rest_.empty()) return false;
    const char kind = rest_.front();
    rest_.remove_prefix(1);
    static constexpr std::string_view kNames = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (const auto at = kNames.find(kind); at != std::string_view::npos) {
      out.push_back(kMeanings[at]);
      return true;
    }
    std::uint32_t code = 0;
    if (kind != 'u' || !hex4(code)) return false;
    if (code >= 0xd800 && code <= 0xdbff) {
      std::uint32_t low = 0;
      if (!take('\\') || !take('u') || !hex4(low) || low < 0xdc00 || low > 0xdfff) return false;
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code <= 0xdfff) {
      return false;
    }
    append_utf8(out, code);
    return true;
  }

  bool hex4(std::uint32_t& code) {
    if (rest_.size() < 4) return false;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + 4, code, 16);
    if (error != std::errc() || end != rest_.data() + 4) return false;
    rest_.remove_prefix(4);
    return true;
  }

  bool number(Json& out) {
    const std::size_t length = number_length();
    if (length == 0) return false;
    double value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + length, value);
    if (error != std::errc() || end != rest_.data() + length || !std::isfinite(value)) return false;
    rest_.remove_prefix(length);
    out = Json(value);
    return true;
  }

  /** Length of the number by JSON's grammar, which is narrower than what from_chars takes. */
  std::size_t number_length() const {
    std::size_t at = 0;
    const auto digits = [&] {
      const std::size_t from = at;
      while (at < rest_.size() && rest_[at] >= '0' && rest_[at] <= '9') ++at;
      return at - from;
    };
    if (at < rest_.size() && rest_[at] == '-') ++at;
    const std::size_t whole_at = at;
    const std::size_t whole = digits();
    if (whole == 0 || (whole > 1 && rest_[whole_at] == '0')) return 0;
    if (at < rest_.size() && rest_[at] == '.') {
      ++at;
      if (digits() == 0) return 0;
    }
    if (at < rest_.size() && (rest_[at] == 'e' || rest_[at] == 'E')) {
      ++at;
      if (at < rest_.size() && (rest_[at] == '+' || rest_[at] == '-')) ++at;
      if (digits() == 0) return 0;
    }
    return at;
  }

  bool word(std::string_view expected) {
    if (rest_.substr(0, expected.size()) != expected) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }

  bool take(char expected) {
    if (rest_.empty() || rest_.front() != expected) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void space() {
    while (!rest_.empty() && std::string_view(" \t\r\n").find(rest_.front()) != std::string_view::npos)
      rest_.remove_prefix(1);
  }

  std::string_view rest_;
  int values_ = 0;
};

}  // namespace

std::optional<Json> Json::parse(std::string_view text) {
  Json out;
  if (!Parser(text).whole(out)) return std::nullopt;
  return out;
}

std::optional<double> Json::number() const {
  if (const double* value = std::get_if<double>(&value_)) return *value;
  return std::nullopt;
}

std::optional<std::int64_t> Json::integer() const {
  const auto value = number();
  if (!value || std::trunc(*value) != *value || std::fabs(*value) > kWholeMax) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

std::optional<bool> Json::boolean() const {
  if (const bool* value = std::get_if<bool>(&value_)) return *value;
  return std::nullopt;
}

const Json* Json::find(std::string_view key) const {
  const Object* members = std::get_if<Object>(&value_);
  if (members == nullptr) return nullptr;
  for (const auto& [name, value] : *members)
    if (name == key) return &value;
  return nullptr;
}

std::string json_quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const unsigned char first = static_cast<unsigned char>(text.front());
    const std::size_t length = utf8_length(text);
    if (first == '"' || first == '\\') {
      out.push_back('\\');
      out.push_back(text.front());
    } else if (first < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", first);
      out += escaped;
    } else if (length == 0) {
      out += "\\ufffd";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out.push_back('"');
  return out;
}

void JsonLine::key(std::string_view name) {
  if (out_.size() > 1) out_.push_back(',');
  out_ += json_quote(name);
  out_.push_back(':');
}

JsonLine& JsonLine::text(std::string_view name, std::string_view value) {
  key(name);
  out_ += json_quote(value);
  return *this;
}

JsonLine& JsonLine::number(std::string_view name, std::int64_t value) {
  key(name);
  out_ += std::to_string(value);
  return *this;
}

JsonLine& JsonLine::real(std::string_view name, double value) {
  key(name);
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", std::isfinite(value) ? value : 0.0);
  out_ += text;
  return *this;
}

JsonLine& JsonLine::boolean(std::string_view name, bool value) {
  key(name);
  out_ += value ? "true" : "false";
  return *this;
}

JsonLine& JsonLine::raw(std::string_view name, std::string_view json) {
  key(name);
  out_ += json;
  return *this;
}

std::string JsonLine::take() {
  out_.push_back('}');
  return std::move(out_);
}

}  // namespace driftway
