// How large a packet a path takes, as far as routers have told (RFC 1191, RFC 8201).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "wire/address.hpp"

namespace lastack::ip {

/// The least that every path takes: RFC 791 §3.2, RFC 8200 §5.
inline constexpr std::uint16_t kLeastMtuV4 = 68;
inline constexpr std::uint16_t kLeastMtuV6 = 1280;
/// Below this an IPv4 path's routers cut for us, since smaller segments would be mostly header, and
/// whoever can forge one message could make us send such. (Linux draws the line here as well.)
inline constexpr std::uint16_t kSmallestCut = 552;

/// What a "packet too big" says about a packet of `length` octets, made plausible: nothing where it
/// can't be true. `mtu` is the claim; IPv4's 0 means the next lower plateau of RFC 1191 §7.1.
[[nodiscard]] std::optional<std::uint16_t> believable_mtu(wire::Family family, std::uint32_t mtu,
                                                          std::uint32_t length);

/// What is remembered of some destinations, for ten minutes (RFC 1191 §6.3, RFC 8201 §4).
class PathMtu {
 public:
  static constexpr Duration kKept = 600s;
  static constexpr std::size_t kMost = 1024;  ///< destinations

  explicit PathMtu(const HashKey& key) : key_(key) {}

  /// A path takes no more than `mtu`. Never raises what is remembered.
  void learn(const wire::IpAddress& destination, std::uint16_t mtu, TimePoint now);
  /// What is remembered of it, or nothing.
  [[nodiscard]] std::optional<std::uint16_t> of(const wire::IpAddress& destination,
                                                TimePoint now) const {
    return sets_.empty() ? std::nullopt : find(destination, now);
  }
  /// Destinations of which something is remembered at `now`.
  [[nodiscard]] std::size_t size(TimePoint now) const;

 private:
  static constexpr std::size_t kWays = 4;
  struct Entry {
    wire::IpAddress destination;
    std::uint16_t mtu = 0;  ///< 0: free
    TimePoint until{};
  };
  using Set = std::array<Entry, kWays>;

  [[nodiscard]] std::size_t set_of(const wire::IpAddress& destination) const;
  [[nodiscard]] std::optional<std::uint16_t> find(const wire::IpAddress& destination,
                                                  TimePoint now) const;

  HashKey key_;
  std::vector<Set> sets_;  ///< none before the first is learnt
};

}  // namespace lastack::ip
