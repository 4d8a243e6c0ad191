/**
 * The peers, their talkers, and the loop that sends what is due and reads what came. While a window is measured the loop never
 * sleeps: a sleeping reader would add its own wake-up to the load. Otherwise it sleeps until something is due. Main thread only.
 */
#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gap-detector.h"
#include "peer.h"
#include "stats.h"

class Engine {
 public:
  explicit Engine(const std::vector<int>& watched_cores);
  ~Engine();

  const std::string& fingerprint() const { return identity_.fingerprint(); }

  /** Each returns an empty text, or why it was refused. */
  std::string add_peer(uint32_t id, const std::string& address, uint16_t port,
                       IceCredentials credentials);
  /** A peer that sends RTP without ICE, DTLS and SRTP; its port is told. */
  std::string add_plain(uint32_t id, uint16_t port);
  std::string allow_dtls(uint32_t id);
  std::string close_peer(uint32_t id);
  std::string talk(uint32_t id, uint32_t ssrc, uint8_t payload_type, uint8_t level_extension,
                   uint32_t phase_us);
  /** Falls silent; `talk` goes on with the next packet. */
  std::string hush(uint32_t id);
  /** `from` must talk, or have talked. */
  std::string hear(uint32_t id, uint32_t ssrc, uint32_t from);
  std::string unhear(uint32_t id, uint32_t ssrc);
  std::string measure(uint32_t window_ms);
  /** Tells how many packets the talkers that are there have sent. */
  void tell_sent() const;

  /** One turn; `control_fd` is watched too, true when it is readable. */
  bool turn();
  void watch_control(int control_fd);

 private:
  struct Window {
    int64_t from_ns = 0;
    int64_t to_ns = 0;
    uint64_t sent = 0;
    uint64_t refused = 0;
    uint64_t late = 0;
    int64_t latest_ns = 0;
    int64_t longest_gap_ns = 0;
    uint64_t strangers = 0;
    bool is_open = false;
    bool has_begun = false;
  };

  Peer* find(uint32_t id);
  void adopt(std::unique_ptr<Peer> peer);
  void order_talkers();
  int64_t next_due_ns() const;
  void send_due(int64_t now_ns);
  void send_one(Talker& talker, int64_t due_ns, int64_t now_ns);
  void read(Peer& peer);
  void take(Peer& peer, uint8_t* packet, size_t bytes, int64_t received_ns);
  void take_media(Peer& peer, Stream& stream, uint8_t* packet, size_t bytes, int64_t received_ns);
  void look_at_timers(int64_t now_ns);
  void note_state(Peer& peer, Peer::State before);
  void begin_window();
  void end_window();

  DtlsIdentity identity_;
  const int epoll_fd_;
  std::map<uint32_t, std::unique_ptr<Peer>> peers_;
  std::map<uint32_t, std::shared_ptr<Talker>> talkers_;
  /** Talkers by phase, and who is next in this cycle of 20 ms. */
  std::vector<Talker*> order_;
  size_t next_ = 0;
  int64_t cycle_ns_ = 0;
  int64_t next_timers_ns_ = 0;
  Window window_;
  Histogram latency_;
  std::vector<std::unique_ptr<GapDetector>> detectors_;
};

/** Writes one event as a line of JSON to the standard output. */
void tell(const char* format, ...) __attribute__((format(printf, 1, 2)));
