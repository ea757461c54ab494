// Where packets go next: the longest prefix that holds their destination.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "wire/address.hpp"

namespace lastack::ip {

using wire::Family;
using wire::IpAddress;
using wire::Prefix;

/// Who said so.
enum class RouteOrigin : std::uint8_t {
  connected,   ///< the network of an address of ours
  configured,  ///< told by whoever made the host
  advertised,  ///< by a router (RFC 4861 §6.3.4, RFC 4191)
  redirected,  ///< by the router that we asked before (RFC 4861 §8)
};
[[nodiscard]] std::string_view to_string(RouteOrigin origin);

struct Route {
  Prefix to;
  /// The router; the unspecified address of either family where `to` is on this link.
  IpAddress via;
  std::uint16_t metric = 0;  ///< of two for the same prefix the lower one goes first
  RouteOrigin origin = RouteOrigin::configured;
  TimePoint until{kNever};
  /// When the router last did not answer; the origin of time where it never failed to. Routers that
  /// answer go first (RFC 4861 §6.3.6), then the one whose failure is the longest ago.
  TimePoint failed{};

  [[nodiscard]] bool on_link() const { return via.is_unspecified(); }
  friend bool operator==(const Route&, const Route&) = default;
};

/// Limits on what routers may tell us; beyond them newcomers are refused.
struct RouteLimits {
  std::size_t advertised = 32;
  std::size_t redirected = 32;  ///< here the oldest makes room: each concerns one destination
};

/// A value: longest prefix first, then who answers, then the metric, then who came first.
class Routes {
 public:
  explicit Routes(const RouteLimits& limits = {}) : limits_(limits) {}

  /// Puts `route` in the place of one to the same prefix by the same router of the same origin.
  /// False where there is no room for it.
  bool set(const Route& route);
  /// Takes out what set() of the same prefix, router and origin put in.
  void remove(const Prefix& to, const IpAddress& via, RouteOrigin origin);
  /// No longer a router: all that advertisements and redirects said of it goes (RFC 4861 §7.2.5).
  void remove_router(const IpAddress& via);

  /// The one by which a packet goes; null where there is none.
  [[nodiscard]] const Route* find(const IpAddress& destination) const;
  /// The neighbour to which a packet goes; nothing where there is no route.
  [[nodiscard]] std::optional<IpAddress> next_hop(const IpAddress& destination) const;
  /// Whether `address` is a neighbour of ours without a router between.
  [[nodiscard]] bool on_link(const IpAddress& address) const;

  /// A neighbour did not answer. Redirects to it are forgotten.
  void failed(const IpAddress& via, TimePoint now);
  /// A neighbour that may have failed before has answered.
  void answered(const IpAddress& via);

  void advance(TimePoint now);
  [[nodiscard]] TimePoint next_deadline() const { return due_; }
  /// Another number after each change: what was found before may be wrong then.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  /// The longest prefixes first.
  [[nodiscard]] std::span<const Route> all() const { return routes_; }

 private:
  [[nodiscard]] std::size_t count(RouteOrigin origin) const;
  bool make_room(RouteOrigin origin);
  void settle();

  RouteLimits limits_;
  std::vector<Route> routes_;  ///< in the order in which they are tried
  TimePoint due_ = kNever;
  std::uint64_t version_ = 0;
  bool failures_ = false;  ///< whether any router has failed and not answered since
};

}  // namespace lastack::ip
