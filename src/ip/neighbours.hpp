// The neighbours on a link and their link-layer addresses, for ARP and neighbour discovery alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/random.hpp"
#include "base/ring.hpp"
#include "base/time.hpp"
#include "ip/neighbour_state.hpp"
#include "wire/address.hpp"
#include "wire/mac_address.hpp"

namespace lastack::ip {

using wire::IpAddress;
using wire::MacAddress;

struct NeighbourSettings {
  std::size_t most = 512;             ///< neighbours that are remembered
  std::size_t most_incomplete = 128;  ///< of them, those that are still being asked for
  // RFC 4861 §10; ARP keeps the same times (RFC 1122 §2.3.2.1: at most one request a second).
  Duration reachable = 30s;  ///< on average, from half to one and a half of it
  Duration retransmit = 1s;
  Duration delay = 5s;
  std::uint8_t tries = 3;
};

struct Neighbour {
  IpAddress address;
  MacAddress mac;  ///< of no meaning while INCOMPLETE
  NeighbourState state = NeighbourState::none;
  std::uint8_t asked = 0;      ///< questions since it came to INCOMPLETE or PROBE
  bool router = false;         ///< it said so last
  bool used = false;           ///< a packet of ours went to it
  TimePoint touched{};         ///< when a packet last went to it, or it was first heard of
  TimePoint deadline{kNever};  ///< of its state
  friend bool operator==(const Neighbour&, const Neighbour&) = default;
};

/// What is to be done about a neighbour.
struct NeighbourNews {
  enum class Kind : std::uint8_t {
    ask,          ///< send a question: to `mac`, or to all where that is nobody's
    resolved,     ///< frames can be sent to it now
    unreachable,  ///< it did not answer, and is forgotten
    forgotten,    ///< its place was needed before it answered
  };
  Kind kind = Kind::ask;
  IpAddress address;
  MacAddress mac;
};

/// An answer, as an advertisement brings it (RFC 4861 §7.2.5). An ARP reply to us is one that is
/// solicited and overrides.
struct NeighbourAnswer {
  std::optional<MacAddress> mac;
  bool solicited = false;
  bool overrides = false;
  bool router = false;
};

/// A value: time is handed in, questions are pulled out. Whoever floods us with neighbours takes
/// the places of others of whom we only heard, never of those we talk to.
class Neighbours {
 public:
  Neighbours(const NeighbourSettings& settings, Random random);

  /// There is a packet for it: where the frame goes, or nothing as long as nobody has answered.
  std::optional<MacAddress> wanted(const IpAddress& address, TimePoint now);
  /// It named its link-layer address unasked, in a question to us or an announcement. One that we
  /// do not know is remembered where `create` says so and there is room.
  void told(const IpAddress& address, const MacAddress& mac, bool create, TimePoint now);
  /// It answered; of no effect for one that nobody asked for.
  void answered(const IpAddress& address, const NeighbourAnswer& answer, TimePoint now);
  /// The layer above knows that what went to it got through.
  void progress(const IpAddress& address, TimePoint now);
  /// The layer above sends again and again: it may not be there any more.
  void doubted(const IpAddress& address, TimePoint now);
  void set_router(const IpAddress& address, bool router);
  /// What a router advertisement says of this link's times; zero leaves one as it is.
  void set_times(Duration reachable, Duration retransmit);

  void advance(TimePoint now);
  /// When advance() wants to be called; may be early.
  [[nodiscard]] TimePoint next_deadline() const { return due_; }
  /// The next thing to do since the last call.
  std::optional<NeighbourNews> next_news();

  [[nodiscard]] const Neighbour* find(const IpAddress& address) const;
  /// In the order of their addresses.
  [[nodiscard]] std::span<const Neighbour> all() const { return entries_; }

 private:
  Neighbour* get(const IpAddress& address);
  Neighbour* make(const IpAddress& address, bool for_packet, TimePoint now);
  [[nodiscard]] std::optional<std::size_t> victim(bool for_packet) const;
  bool take(Neighbour& n, NeighbourEvent event, TimePoint now);
  void entered(Neighbour& n, NeighbourState from, TimePoint now);
  void ask(Neighbour& n, TimePoint now);
  void expire(Neighbour& n, TimePoint now);
  void set_deadline(Neighbour& n, TimePoint deadline);
  void draw_reachable();

  NeighbourSettings settings_;
  Random random_;
  Duration reachable_{};            ///< drawn around settings_.reachable
  std::vector<Neighbour> entries_;  ///< sorted by address
  Ring<NeighbourNews> news_;
  TimePoint due_ = kNever;  ///< not after the first deadline
};

}  // namespace lastack::ip
