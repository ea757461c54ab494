// Rules that every segment a host sends must keep, whatever has happened: checked from outside,
// with nothing but what passed the host's wire.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "host/flow.hpp"
#include "sim/world.hpp"
#include "wire/tcp.hpp"

namespace lastack::sim {

class Referee final : public Watcher {
 public:
  void sent(std::size_t host, const link::PacketRef& packet, TimePoint now) override;
  void arrived(std::size_t host, const Slice& packet, TimePoint now) override;

  /// What broke a rule, at most a few.
  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }
  /// Segments looked at.
  [[nodiscard]] std::uint64_t segments() const { return segments_; }

 private:
  static constexpr std::size_t kMostFaults = 10;
  static constexpr Offset kNone = -1;
  static constexpr std::size_t kMostCallers = 8;
  static constexpr std::size_t kMostAnswers = 8;

  /// One connection as one host's wire shows it. Offsets count from the SYN, which stands at 0.
  struct Side {
    Seq iss;
    bool open = false;       ///< its SYN was seen
    Offset high = 0;         ///< behind the farthest octet (or SYN, FIN) that went this way
    Offset fin = kNone;      ///< where its FIN stands
    Offset edge = 0;         ///< right edge of the window it offered
    Offset ack = 0;          ///< the farthest it acknowledged
    std::uint8_t scale = 0;  ///< shift of its windows, once both offered one
    bool offers_scale = false;
    std::uint16_t mss = 0;  ///< what it announced; 0: nothing
    bool stamped = false;
    std::uint32_t ts_val = 0;
  };
  struct View {
    Side own;                   ///< as it was sent
    Side peer;                  ///< as it arrived
    std::vector<Side> callers;  ///< the latest SYNs, which the host may answer
    /// The latest of its answers to SYNs, each with whom it answered, before the one that stands in
    /// `own`: with cookies (RFC 4987 §3.6) any of them may become a connection.
    std::vector<std::pair<Side, Side>> answers;
  };
  struct Key {
    std::size_t host;
    host::Endpoint own;
    host::Endpoint peer;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Segment {
    Key key;
    wire::TcpHeader header;
    std::uint32_t payload = 0;
    std::size_t header_octets = 0;  ///< of TCP, options included
    [[nodiscard]] bool has(wire::Flag flag) const { return header.flags.has(flag); }
    [[nodiscard]] std::uint32_t length() const;
  };

  void judge(const Segment& s, View& view, std::uint32_t segment_size, TimePoint now);
  void judge_place(const Segment& s, const View& view, TimePoint now);
  void judge_ack(const Segment& s, View& view, TimePoint now);
  void judge_size(const Segment& s, const View& view, std::uint32_t segment_size, TimePoint now);
  [[nodiscard]] static bool is_only_answer(const View& view);
  static void keep_answer(View& view);
  static void take_answer(const Segment& s, View& view);
  static void meet(const Segment& s, View& view);
  static void call(const Segment& s, View& view);
  static Side answered(const Segment& s, const View& view);
  static void open(const Segment& s, Side& side);
  static void note(const Segment& s, Side& side, const Side& other);
  void fault(const Segment& s, TimePoint now, const std::string& what);

  std::map<Key, View> views_;
  std::vector<std::string> faults_;
  std::vector<std::byte> flat_;
  std::uint64_t segments_ = 0;
};

}  // namespace lastack::sim
