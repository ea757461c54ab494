// What came in frames and went no further, by reason.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "wire/arp.hpp"
#include "wire/ethernet.hpp"
#include "wire/ndp.hpp"

namespace lastack::ip {

/// Why a frame, or a part of what it says, went no further.
enum class LinkDrop : std::uint8_t {
  other_station,       ///< to a MAC address that is not ours
  other_type,          ///< neither IP nor ARP
  own_frame,           ///< from our own MAC address: it came back
  group_frame,         ///< a packet for one host in a frame for many (RFC 1122 §3.3.6)
  not_asked_of_us,     ///< a question or a statement about somebody else's address
  foreign_sender,      ///< ARP from an address that is not on this link: not remembered
  not_autoconfigured,  ///< a router's advertisement where none was wanted
  refused_redirect,    ///< by another than the router we use for that destination
  no_room,             ///< a router says more than is remembered
  queue_full,          ///< answers that nobody pulled
  parking_full,        ///< a packet waited for a neighbour, and later ones took its place
  unreachable,         ///< a packet waited for a neighbour that did not answer
  no_route,            ///< a packet to somewhere we know no way to
};
inline constexpr std::size_t kLinkDropCount = 13;
[[nodiscard]] std::string_view to_string(LinkDrop drop);

/// Only ever grow.
struct LinkCounters {
  std::uint64_t frames_in = 0;
  std::uint64_t arp_in = 0;
  std::uint64_t ndp_in = 0;
  std::uint64_t mld_in = 0;
  std::uint64_t control_out = 0;  ///< frames of ARP, neighbour discovery and MLD
  std::array<std::uint64_t, kLinkDropCount> dropped{};
  std::array<std::uint64_t, wire::kFrameErrorCount> bad_frame{};
  std::array<std::uint64_t, wire::kArpErrorCount> bad_arp{};
  std::array<std::uint64_t, wire::kNdpErrorCount> bad_ndp{};

  void drop(LinkDrop why) { ++dropped[static_cast<std::size_t>(why)]; }
  [[nodiscard]] std::uint64_t count(LinkDrop why) const {
    return dropped[static_cast<std::size_t>(why)];
  }
};

}  // namespace lastack::ip
