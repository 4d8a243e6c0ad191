/** See track.hpp. */
#include "track.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "opus-packet.hpp"

namespace driftway {
namespace {

/** Recording has time: a retransmission over a bad link may take as long. */
constexpr Micros kReorderHold = 500'000;
constexpr Micros kFlushEvery = 1'000'000;
/** The start is refined by the least delayed packet of this first part only: later ones would follow the drift of the sender's clock. */
constexpr std::int64_t kAlignSamples = 30 * 48000;
constexpr int kSegmentsMax = 10'000;

Micros to_micros(std::int64_t samples) { return samples * 1000 / 48; }
std::int64_t to_samples(Micros micros) { return micros * 48 / 1000; }

}  // namespace

Track::Track(Options options, TrackEvents& events)
    : options_(std::move(options)), events_(events), reorder_(kReorderHold), sink_([this](const OrderedPacket& packet) { ordered(packet); }) {}

void Track::packet(const RtpPacket& packet, Micros now) {
  if (has_failed_) return;
  reorder_.push(packet, now, sink_);
}

void Track::poll(Micros now) {
  if (has_failed_) return;
  reorder_.poll(now, sink_);
  if (writer_ == nullptr || now - flushed_at_ < kFlushEvery) return;
  flushed_at_ = now;
  if (!writer_->flush()) fail(errno);
}

void Track::stop() {
  if (has_failed_) return;
  reorder_.flush(sink_);
  close("stop");
}

void Track::ordered(const OrderedPacket& packet) {
  if (has_failed_) return;
  const auto facts = opus_packet_facts(packet.payload);
  if (!facts) {
    ++segment_.invalid;
    return;
  }
  std::int64_t gap = writer_ == nullptr ? 0 : packet.timestamp - origin_ - written_;
  const bool is_far = gap > kFillSamplesMax || gap < -kOpusPacketSamplesMax;
  if (writer_ != nullptr && (packet.is_restart || is_far)) {
    close(packet.is_restart ? "restart" : "gap");
    gap = 0;
  }
  if (writer_ == nullptr && !open(packet, facts->is_stereo)) return;
  fill(gap);
  last_toc_ = packet.payload[0];
  ++segment_.packets;
  write(packet.payload, facts->samples);
  if (written_ <= kAlignSamples)
    origin_at_ = std::min(origin_at_, packet.arrived - to_micros(packet.timestamp - origin_));
}

bool Track::open(const OrderedPacket& packet, bool is_stereo) {
  origin_ = packet.timestamp;
  origin_at_ = packet.arrived;
  flushed_at_ = packet.arrived;
  written_ = 0;
  const std::int64_t offset = to_samples(origin_at_ - options_.base);
  OggWriter::Options file;
  file.folder_fd = options_.folder_fd;
  file.channels = is_stereo ? 2 : 1;
  file.serial = options_.ssrc;
  file.comments = {{"DRIFTWAY_USER", options_.user},
                   {"DRIFTWAY_SSRC", std::to_string(options_.ssrc)},
                   {"DRIFTWAY_OFFSET", std::to_string(offset)}};
  // Numbers of earlier segments, also those of a process that was killed, stay taken.
  for (; next_number_ <= kSegmentsMax; ++next_number_) {
    file.name = options_.user + "." + std::to_string(next_number_) + ".opus";
    if (::faccessat(options_.folder_fd, file.name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) continue;
    auto writer = OggWriter::create(file);
    if (!writer && errno == EEXIST) continue;
    if (!writer) break;
    writer_ = std::make_unique<OggWriter>(std::move(*writer));
    ++next_number_;
    segment_ = Segment{};
    segment_.file = file.name;
    segment_.user = options_.user;
    segment_.ssrc = options_.ssrc;
    segment_.offset = offset;
    counted_ = reorder_.counters();
    events_.segment_opened(segment_);
    return true;
  }
  fail(errno);
  return false;
}

void Track::fill(std::int64_t samples) {
  while (samples > 0 && !has_failed_) {
    const auto filler = opus_filler(last_toc_, samples);
    if (!filler) return;
    ++segment_.filled;
    write({&filler->toc, 1}, filler->samples);
    samples -= filler->samples;
  }
}

void Track::write(Bytes data, int samples) {
  if (has_failed_) return;
  written_ += samples;
  if (!writer_->packet(data, samples)) fail(errno);
}

Segment Track::snapshot() const {
  Segment out = segment_;
  const auto& now = reorder_.counters();
  out.offset = to_samples(origin_at_ - options_.base);
  out.samples = written_;
  out.lost = now.lost - counted_.lost;
  out.late = now.late - counted_.late;
  out.duplicates = now.duplicates - counted_.duplicates;
  out.bytes = writer_->bytes();
  return out;
}

void Track::close(const char* reason) {
  if (writer_ == nullptr) return;
  const bool is_good = writer_->close();
  const int error = errno;
  Segment done = snapshot();
  done.sha256 = writer_->sha256();
  done.end = is_good ? reason : "disk";
  writer_.reset();
  events_.segment_closed(done);
  if (!is_good) fail(error);
}

void Track::fail(int error) {
  if (has_failed_) return;
  has_failed_ = true;
  if (writer_ != nullptr) {
    Segment cut = snapshot();
    cut.end = "disk";
    writer_.reset();
    events_.segment_closed(cut);
  }
  events_.track_failed(options_.user, error);
}

}  // namespace driftway
