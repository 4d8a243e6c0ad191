/** See args.hpp. */
#include "args.hpp"

#include "folder.hpp"

namespace driftway {
namespace {

constexpr std::size_t kPathBytesMax = 512;

}  // namespace

void Args::refuse(std::string_view key) {
  if (fault_.empty()) fault_ = key;
}

std::int64_t Args::integer(std::string_view key, std::int64_t min, std::int64_t max) {
  const Json* value = request_.find(key);
  const auto number = value == nullptr ? std::nullopt : value->integer();
  if (number && *number >= min && *number <= max) return *number;
  refuse(key);
  return min;
}

std::int64_t Args::integer_or(std::string_view key, std::int64_t min, std::int64_t max, std::int64_t otherwise) {
  return request_.find(key) == nullptr ? otherwise : integer(key, min, max);
}

bool Args::boolean_or(std::string_view key, bool otherwise) {
  const Json* value = request_.find(key);
  if (value == nullptr) return otherwise;
  const auto flag = value->boolean();
  if (!flag) refuse(key);
  return flag.value_or(otherwise);
}

std::string Args::name(std::string_view key) {
  const Json* value = request_.find(key);
  const std::string* text = value == nullptr ? nullptr : value->string();
  if (text != nullptr && is_plain_name(*text)) return *text;
  refuse(key);
  return {};
}

std::string Args::path(std::string_view key) {
  const Json* value = request_.find(key);
  const std::string* text = value == nullptr ? nullptr : value->string();
  if (text != nullptr && !text->empty() && text->size() <= kPathBytesMax && text->find('\0') == std::string::npos) return *text;
  refuse(key);
  return {};
}

}  // namespace driftway
