/**
 * Owns the recording of one speaker: RTP in, Ogg/Opus segments out, nothing decoded. Granule positions come from RTP time stamps; what is
 * missing (silence by DTX, mute, loss) is filled by one-byte packets, so that length and place of everything heard stay exact.
 */
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "ogg-writer.hpp"
#include "reorder.hpp"

namespace driftway {

/** A gap longer than this begins a new segment, so that no time stamp can make a file explode. */
inline constexpr std::int64_t kFillSamplesMax = 60 * 48000;

/** One file, as the manifest has it. */
struct Segment {
  std::string file;
  std::string user;
  std::uint32_t ssrc = 0;
  /** Samples from the recording's common start to the first sample. */
  std::int64_t offset = 0;
  std::int64_t samples = 0;
  std::int64_t packets = 0;
  /** One-byte packets that stand for what is missing. */
  std::int64_t filled = 0;
  std::int64_t lost = 0;
  std::int64_t late = 0;
  std::int64_t duplicates = 0;
  std::int64_t invalid = 0;
  std::int64_t bytes = 0;
  /** Of a closed file. */
  std::string sha256;
  /** stop, gap, restart, disk. */
  std::string end;
};

/** Told synchronously, in the loop's turn. */
class TrackEvents {
 public:
  virtual ~TrackEvents() = default;
  virtual void segment_opened(const Segment& segment) = 0;
  virtual void segment_closed(const Segment& segment) = 0;
  /** The disk refused: the track records no more. */
  virtual void track_failed(const std::string& user, int error) = 0;
};

class Track {
 public:
  struct Options {
    std::string user;
    std::uint32_t ssrc = 0;
    int folder_fd = -1;
    /** The recording's common start. */
    Micros base = 0;
  };

  Track(Options options, TrackEvents& events);

  void packet(const RtpPacket& packet, Micros now);
  /** To be called every few 100 ms: gives up what is missing, gives pages to the kernel. */
  void poll(Micros now);
  void stop();
  bool has_failed() const { return has_failed_; }

 private:
  void ordered(const OrderedPacket& packet);
  bool open(const OrderedPacket& packet, bool is_stereo);
  void fill(std::int64_t samples);
  void write(Bytes data, int samples);
  void close(const char* reason);
  void fail(int error);
  Segment snapshot() const;

  Options options_;
  TrackEvents& events_;
  Reorder reorder_;
  Reorder::Sink sink_;
  std::unique_ptr<OggWriter> writer_;
  Segment segment_;
  Reorder::Counters counted_;
  /** RTP time of the segment's first sample, and samples written since. */
  std::int64_t origin_ = 0;
  std::int64_t written_ = 0;
  /** The earliest that the first sample can have been sent, by the least delayed packet so far. */
  Micros origin_at_ = 0;
  std::uint8_t last_toc_ = 0;
  Micros flushed_at_ = 0;
  int next_number_ = 1;
  bool has_failed_ = false;
};

}  // namespace driftway
