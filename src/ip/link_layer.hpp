// A host's side of an Ethernet link: who is on it, which of its addresses are ours, and the way to
// everywhere else.
//
// A value, without I/O and clock: frames and time are handed in, frames and news are pulled out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/buffer.hpp"
#include "base/random.hpp"
#include "base/ring.hpp"
#include "base/time.hpp"
#include "ip/groups.hpp"
#include "ip/link_counters.hpp"
#include "ip/neighbours.hpp"
#include "ip/own_addresses.hpp"
#include "ip/router_discovery.hpp"
#include "ip/routes.hpp"
#include "ip/source_address.hpp"
#include "wire/arp.hpp"
#include "wire/bytes.hpp"
#include "wire/ethernet.hpp"
#include "wire/ip.hpp"
#include "wire/mld.hpp"
#include "wire/ndp.hpp"

namespace lastack::ip {

struct LinkSettings {
  MacAddress mac;              ///< ours
  bool autoconfigure = false;  ///< IPv6 addresses and routes as routers advertise them
  bool ask_first = true;       ///< whether anybody has an address before it is used
  /// The secret of RFC 7217's interface identifiers; without one they show the MAC address.
  std::optional<HashKey> interface_key;
  std::vector<Route> routes;  ///< beside those to the networks of our addresses
  NeighbourSettings neighbours;
  RouteLimits route_limits;
};

/// Something that the host, or its user, should know.
struct LinkNews {
  enum class Kind : std::uint8_t {
    resolved,     ///< `address` is a neighbour that packets can go to now
    unreachable,  ///< it did not answer
    forgotten,    ///< it is not asked for any more
    usable,       ///< `address` of ours can be used, or may again begin something
    duplicate,    ///< it is somebody else's (`mac`), and not used
    conflict,     ///< somebody else (`mac`) uses it as well
    gone,         ///< its lifetime is over
  };
  Kind kind = Kind::resolved;
  IpAddress address;
  MacAddress mac;
};

class LinkLayer {
 public:
  static constexpr std::size_t kMostFrames = 256;  ///< of ours that wait to be pulled

  /// `mtu` is that of IP packets on the link.
  LinkLayer(LinkSettings settings, std::vector<Prefix> addresses, std::uint16_t mtu, Random random);

  // --- in
  /// A frame came. What it holds for the layers above, or nothing.
  wire::Bytes frame_arrives(wire::Bytes frame, TimePoint now);
  /// ARP, neighbour discovery and questions about groups in packets that were taken out of their
  /// frames elsewhere; `from` is the frame's sender.
  void arp_arrives(wire::Bytes packet, TimePoint now);
  void ndp_arrives(const wire::IpHeader& ip, wire::Bytes icmp, const MacAddress& from,
                   TimePoint now);
  void mld_arrives(const wire::IpHeader& ip, wire::Bytes icmp, TimePoint now);
  /// The first call begins to ask for our addresses.
  void advance(TimePoint now);
  /// The layer above knows that what went to `destination` got there (RFC 4861 §7.3.1), or has sent
  /// the same again and again.
  void progress(const IpAddress& destination, TimePoint now);
  void doubted(const IpAddress& destination, TimePoint now);

  // --- out
  struct Way {
    enum class Kind : std::uint8_t { known, wait, none } kind = Kind::none;
    MacAddress to;       ///< where known
    IpAddress next_hop;  ///< known or to be waited for
  };
  /// Where a packet goes now. One that has to wait will be told of by next_news().
  Way way_to(const IpAddress& destination, TimePoint now);
  /// The next frame of ours that is no packet of the layers above.
  std::optional<Slice> next_frame();
  std::optional<LinkNews> next_news();
  [[nodiscard]] bool has_news() const { return !news_.empty(); }
  /// When advance() wants to be called; may be early.
  [[nodiscard]] TimePoint next_deadline() const;

  // --- looking in
  [[nodiscard]] const MacAddress& mac() const { return settings_.mac; }
  /// Our addresses that may be used now.
  [[nodiscard]] std::span<const UsableAddress> usable() const { return usable_; }
  /// The address to talk to `destination` from; nothing where there is no way or no address.
  [[nodiscard]] std::optional<IpAddress> source_for(const IpAddress& destination) const;
  [[nodiscard]] std::uint16_t mtu(Family family) const {
    return family == Family::v4 ? mtu_ : discovery_.mtu();
  }
  [[nodiscard]] std::span<const OwnAddress> addresses() const { return addresses_.all(); }
  [[nodiscard]] std::span<const Neighbour> neighbours() const { return neighbours_.all(); }
  /// The multicast groups that we listen to, beside ff02::1.
  [[nodiscard]] std::span<const IpAddress> groups() const { return groups_.all(); }
  [[nodiscard]] std::span<const Route> routes() const { return routes_.all(); }
  [[nodiscard]] const LinkCounters& counters() const { return counters_; }
  [[nodiscard]] LinkCounters& counters() { return counters_; }

 private:
  // link_layer_input.cpp
  bool mld_taken(wire::Bytes packet, TimePoint now);
  [[nodiscard]] bool is_for_us(const MacAddress& destination) const;
  [[nodiscard]] bool listens_to(const IpAddress& destination) const;
  void answer_arp(const wire::ArpPacket& arp);
  void learn_from_arp(const wire::ArpPacket& arp, bool asks_us, TimePoint now);
  void arrives(const wire::RouterSolicitation& message, const wire::IpHeader& ip,
               const MacAddress& from, TimePoint now);
  void arrives(const wire::RouterAdvertisement& message, const wire::IpHeader& ip,
               const MacAddress& from, TimePoint now);
  void arrives(const wire::NeighbourSolicitation& message, const wire::IpHeader& ip,
               const MacAddress& from, TimePoint now);
  void arrives(const wire::NeighbourAdvertisement& message, const wire::IpHeader& ip,
               const MacAddress& from, TimePoint now);
  void arrives(const wire::Redirect& message, const wire::IpHeader& ip, const MacAddress& from,
               TimePoint now);
  void answer(const wire::NeighbourSolicitation& message, const wire::IpHeader& ip,
              const MacAddress& to);

  // link_layer.cpp
  [[nodiscard]] const std::optional<IpAddress>& next_hop(const IpAddress& destination);
  void start(TimePoint now);
  void act(TimePoint now);
  void mind_groups(TimePoint now);
  void act_on(const NeighbourNews& news, TimePoint now);
  void act_on(const AddressNews& news, TimePoint now);
  void report(std::span<const wire::MldRecord> records);
  void ask(const IpAddress& address, const MacAddress& mac);
  void probe(const IpAddress& address, wire::Nonce nonce);
  void announce(const IpAddress& address, bool overrides);
  void solicit_routers();
  void send_arp(const wire::ArpPacket& packet, const MacAddress& to);
  void send_ndp(const IpAddress& source, const IpAddress& destination, const MacAddress& to,
                const wire::NdpFromHost& message);
  void send(const MacAddress& to, std::uint16_t type, wire::Bytes packet);

  LinkSettings settings_;
  std::vector<Prefix> configured_;
  std::uint16_t mtu_;
  bool started_ = false;
  bool addresses_changed_ = false;  ///< and the groups that go with them
  Neighbours neighbours_;
  OwnAddresses addresses_;
  Routes routes_;
  RouterDiscovery discovery_;
  Groups groups_;
  std::vector<UsableAddress> usable_;
  struct Looked {
    IpAddress destination;
    std::optional<IpAddress> next_hop;
    std::uint64_t version = UINT64_MAX;  ///< of the routes
  } looked_;                             ///< what was looked up last: packets come in runs
  Ring<Slice> frames_;
  Ring<LinkNews> news_;
  LinkCounters counters_;
};

}  // namespace lastack::ip
