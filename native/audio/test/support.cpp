/** See support.hpp. */
#include "support.hpp"

#include <fcntl.h>
#include <opus/opus.h>
#include <stdlib.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <stdexcept>

namespace driftway {

std::uint64_t Chance::next() {
  state_ ^= state_ >> 12;
  state_ ^= state_ << 25;
  state_ ^= state_ >> 27;
  return state_ * 2685821657736338717ull;
}

std::vector<std::uint8_t> made_opus(Chance& chance, int config, std::size_t bytes) {
  std::vector<std::uint8_t> out(std::max<std::size_t>(1, bytes));
  for (auto& byte : out) byte = static_cast<std::uint8_t>(chance.next());
  out[0] = static_cast<std::uint8_t>(config << 3);
  return out;
}

std::vector<std::uint8_t> made_rtp(std::uint32_t ssrc, std::uint16_t sequence, std::uint32_t timestamp, Bytes payload, std::uint8_t payload_type) {
  RtpPacket packet;
  packet.payload_type = payload_type;
  packet.sequence = sequence;
  packet.timestamp = timestamp;
  packet.ssrc = ssrc;
  packet.payload = payload;
  std::vector<std::uint8_t> out(kRtpHeaderBytes + payload.size());
  write_rtp(out, packet);
  return out;
}

std::vector<float> made_tone(double hertz, double seconds, double loudness) {
  std::vector<float> out(static_cast<std::size_t>(48000 * seconds));
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<float>(loudness * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(i) / 48000));
  return out;
}

std::vector<std::vector<std::uint8_t>> encoded(const std::vector<float>& samples, int bitrate, bool is_dtx) {
  int error = 0;
  OpusEncoder* encoder = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, &error);
  if (encoder == nullptr) throw std::bad_alloc();
  opus_encoder_ctl(encoder, OPUS_SET_BITRATE(bitrate));
  opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(1));
  opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC(10));
  opus_encoder_ctl(encoder, OPUS_SET_DTX(is_dtx ? 1 : 0));
  std::vector<std::vector<std::uint8_t>> out;
  for (std::size_t at = 0; at + 960 <= samples.size(); at += 960) {
    std::vector<std::uint8_t> packet(1275);
    const int bytes = opus_encode_float(encoder, samples.data() + at, 960, packet.data(), 1275);
    packet.resize(static_cast<std::size_t>(std::max(0, bytes)));
    out.push_back(std::move(packet));
  }
  opus_encoder_destroy(encoder);
  return out;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "driftway-audio-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("make a temporary folder");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

int TemporaryFolder::open() const { return ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

std::vector<std::string> TemporaryFolder::names() const {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) out.push_back(entry.path().filename().string());
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::uint8_t> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_file(const std::string& path, Bytes content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
}

}  // namespace driftway
