// What a host has done and seen of late, for whoever wants to know why.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "host/flow.hpp"
#include "tcp/effects.hpp"
#include "tcp/outgoing.hpp"

namespace lastack::host {

/// One thing that happened, in a fixed size. A segment is kept with its TCP header as it stands on
/// the wire, without its payload.
struct TraceEvent {
  enum class Kind : std::uint8_t {
    arrived,     ///< a segment came: `header`, `octets` of payload, `drop`
    sent,        ///< a segment went: the same, `why`, `attempt`, and where `why` is a timeout that
                 ///< ran out for it (`attempt` > 0), `attempts` and `rto`
    transition,  ///< the state changed: `transition`
    called,      ///< the user's side called: `call`, `octets` where it is about octets
  };
  /// The doors of a host that change something.
  enum class Call : std::uint8_t {
    none,
    connect,
    accept,
    send,
    receive,
    close,            ///< no more to send: SHUT_WR
    discard_receive,  ///< SHUT_RD
    orphan,           ///< the last reference is gone
    abort,
  };

  TimePoint at{};
  Duration rto{0};  ///< how long the timer was that ran out
  Flow flow;
  Kind kind = Kind::arrived;
  Call call = Call::none;
  tcp::Drop drop = tcp::Drop::none;
  tcp::Why why = tcp::Why::data;
  std::uint8_t attempt = 0;
  std::uint8_t attempts = 0;  ///< how often it may be sent again before we give up
  std::uint8_t header_size = 0;
  tcp::Transition transition{};
  std::uint32_t octets = 0;
  std::array<std::byte, 60> header{};  ///< TCP's, options and all

  [[nodiscard]] std::span<const std::byte> header_bytes() const {
    return std::span(header).first(header_size);
  }
  [[nodiscard]] bool is_segment() const { return kind == Kind::arrived || kind == Kind::sent; }
  friend bool operator==(const TraceEvent&, const TraceEvent&) = default;
};

inline constexpr std::size_t kTraceKinds = 4;
inline constexpr std::size_t kTraceCalls = 9;
static_assert(sizeof(TraceEvent) == 128, "what docs and --help say an event costs");

/// A bounded ring: the latest events, each with its number. It takes its memory once.
class Trace {
 public:
  /// Keeps the last `most` events; 0 keeps none, and costs nothing.
  explicit Trace(std::size_t most) : events_(most) {}

  [[nodiscard]] bool on() const { return !events_.empty(); }
  /// How many events it keeps.
  [[nodiscard]] std::size_t most() const { return events_.size(); }
  /// The place of the next event, for the caller to fill; only where on().
  TraceEvent& next() { return events_[next_++ % events_.size()]; }
  /// The event before that; only where end() > begin().
  TraceEvent& last() { return events_[(next_ - 1) % events_.size()]; }
  /// Events in all: the number that the next one will have.
  [[nodiscard]] std::uint64_t end() const { return next_; }
  /// The number of the oldest that is still kept.
  [[nodiscard]] std::uint64_t begin() const {
    return next_ > events_.size() ? next_ - events_.size() : 0;
  }
  /// Event `number`; begin() <= number < end().
  [[nodiscard]] const TraceEvent& operator[](std::uint64_t number) const {
    return events_[number % events_.size()];
  }

 private:
  std::vector<TraceEvent> events_;
  std::uint64_t next_ = 0;
};

[[nodiscard]] std::string_view to_string(TraceEvent::Kind kind);
[[nodiscard]] std::string_view to_string(TraceEvent::Call call);

}  // namespace lastack::host
