/** See play-job.hpp. */
#include "play-job.hpp"

#include <array>
#include <utility>

namespace driftway {
namespace {

/** What fits into one datagram on every path: longer packets, which no voice encoder makes, are left out. */
constexpr std::size_t kPayloadMax = 1200;
constexpr Micros kProgressEvery = 1'000'000;
/** Behind by more than this (a stopped machine): the schedule begins anew instead of sending a burst. */
constexpr Micros kBehindMax = 200'000;
constexpr int kRefusedRunMax = 100;

Micros to_micros(std::int64_t samples) { return samples * 1000 / 48; }

}  // namespace

PlayJob::PlayJob(Loop& loop, std::unique_ptr<UdpSocket> socket, std::unique_ptr<OggReader> file, Done done, Progress progress)
    : loop_(loop), socket_(std::move(socket)), file_(std::move(file)), done_(std::move(done)), progress_(std::move(progress)) {}

PlayJob::~PlayJob() { loop_.cancel(timer_); }

bool PlayJob::start(const StreamTarget& target, std::int64_t position, bool is_looped) {
  if (timer_ != 0) return false;
  target_ = target;
  is_looped_ = is_looped;
  state_.sequence = target.sequence;
  state_.timestamp = target.timestamp;
  while (load() && state_.position < position) state_.position += samples_;
  due_ = monotonic_now();
  told_at_ = due_;
  timer_ = loop_.at(due_, [this] { step(); });
  return true;
}

void PlayJob::pause(bool is_paused) {
  if (state_.is_paused == is_paused || timer_ == 0) return;
  state_.is_paused = is_paused;
  const Micros now = monotonic_now();
  if (is_paused) {
    paused_at_ = now;
    loop_.cancel(timer_);
    return;
  }
  state_.timestamp += static_cast<std::uint32_t>((now - paused_at_) * 48 / 1000);
  is_marked_ = true;
  due_ = now;
  timer_ = loop_.at(due_, [this] { step(); });
}

void PlayJob::stop() { finish("stop"); }

bool PlayJob::load() {
  for (int rounds = 0; rounds < 2; ++rounds) {
    while (const auto packet = file_->next()) {
      if (packet->data.size() > kPayloadMax) {
        ++state_.invalid;
        continue;
      }
      payload_.assign(packet->data.begin(), packet->data.end());
      samples_ = packet->samples;
      return true;
    }
    // An empty file would turn round for ever.
    if (!is_looped_ || state_.position == 0 || !file_->rewind()) break;
    state_.position = 0;
  }
  payload_.clear();
  return false;
}

void PlayJob::step() {
  const Micros now = monotonic_now();
  if (now - due_ > kBehindMax) due_ = now;
  while (due_ <= now) {
    if (payload_.empty()) return finish("end");
    send();
    if (refused_run_ > kRefusedRunMax) return finish("gone");
    due_ += to_micros(samples_);
    load();
  }
  timer_ = loop_.at(due_, [this] { step(); });
  if (now - told_at_ < kProgressEvery) return;
  told_at_ = now;
  progress_(state_);
}

void PlayJob::send() {
  std::array<std::uint8_t, kRtpHeaderBytes + kPayloadMax> datagram;
  RtpPacket packet;
  packet.marker = std::exchange(is_marked_, false);
  packet.payload_type = target_.payload_type;
  packet.sequence = state_.sequence++;
  packet.timestamp = state_.timestamp;
  packet.ssrc = target_.ssrc;
  packet.payload = payload_;
  const std::size_t length = write_rtp(datagram, packet);
  const bool is_sent = socket_->send({datagram.data(), length}, target_.port);
  refused_run_ = is_sent ? 0 : refused_run_ + 1;
  if (is_sent) ++state_.packets;
  else ++state_.refused;
  state_.timestamp += static_cast<std::uint32_t>(samples_);
  state_.position += samples_;
}

void PlayJob::finish(const char* reason) {
  loop_.cancel(timer_);
  state_.invalid += file_->invalid();
  // The owner destroys this job when it is told: nothing may follow.
  const Done done = std::move(done_);
  const PlayState state = state_;
  if (done) done(reason, state);
}

}  // namespace driftway
