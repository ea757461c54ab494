// The UDP endpoints of a host: which ports are taken, and who takes what comes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>

#include "base/random.hpp"
#include "base/time.hpp"
#include "host/bound_ports.hpp"
#include "host/flow.hpp"
#include "host/flow_table.hpp"
#include "host/outbox.hpp"
#include "host/port_index.hpp"
#include "host/refusal.hpp"
#include "host/slab.hpp"
#include "udp/endpoint.hpp"
#include "wire/ip_marks.hpp"

namespace lastack::host {

struct UdpEntry {
  udp::UdpEndpoint endpoint;
  Endpoint bound;  ///< what it keeps from others, until it is connected; port 0: nothing
  TimePoint since{};
  Claim claim;              ///< who else may have its place
  wire::MarksOfBoth marks;  ///< of each packet
  bool told = false;        ///< an event of it waits to be pulled
  bool blocked = false;     ///< a send found no room: it is told when there is
};

/// Ports are UDP's own: TCP's are not among them.
class UdpEndpoints {
 public:
  /// Flows are looked up under `key`.
  explicit UdpEndpoints(const HashKey& key) : key_(key) {}

  struct Ports {
    std::uint16_t first = 32768;  ///< ephemeral ones
    std::uint16_t last = 60999;
  };
  /// An endpoint at `local`, whose address is one of ours or unspecified. Port 0 picks one of
  /// `ports` at random (RFC 6056 §3.3.1): what a resolver asks from must not be guessed (RFC 5452).
  /// Several may have the same one where their claims say so. address_in_use,
  /// address_not_available.
  std::expected<UdpId, Refusal> open(Endpoint local, Claim claim, Ports ports, Random& random,
                                     std::size_t receive_buffer, TimePoint now);
  void close(UdpId id);
  /// It is nowhere any more; what waits to be read there can be.
  void leave(UdpId id);
  /// What was left becomes another's.
  void take_over(UdpId id, UdpId left);
  void set_sharing(UdpId id, bool address, bool port);
  /// Where `remote` is port 0 it hears all ports. False where another endpoint is connected so
  /// already.
  bool connect(UdpId id, const Endpoint& local, const Endpoint& remote);
  void disconnect(UdpId id);

  /// Null for a stale id.
  [[nodiscard]] UdpEntry* find(UdpId id);
  [[nodiscard]] const UdpEntry* find(UdpId id) const;
  [[nodiscard]] UdpEntry& operator[](std::uint32_t index) { return entries_[index]; }
  [[nodiscard]] UdpId id_of(std::uint32_t index) const {
    return {index, entries_.generation(index)};
  }
  /// Who takes a datagram: one that is connected so; else one that is to port 0 there; else one at
  /// just this address; else one at all of ours. Of several that share, the one that was opened
  /// last.
  [[nodiscard]] std::optional<std::uint32_t> taker(const Flow& flow) const;
  template <typename Visit>
  void each(Visit visit) const {
    entries_.each(visit);
  }
  template <typename Visit>
  void each_index(Visit visit) const {
    entries_.each_index(visit);
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  // Books that the host keeps here.
  Outbox outbox;            ///< whole datagrams, in their packets
  std::size_t unread = 0;   ///< octets of memory that all queues keep
  std::size_t blocked = 0;  ///< endpoints that wait for room in the outbox

 private:
  [[nodiscard]] Handle connected(const Flow& flow) const;
  /// A place as others find it taken.
  struct Place {
    Endpoint at;
    Claim claim;
  };
  [[nodiscard]] static Place place_of(const UdpEntry& entry);

  HashKey key_;
  Slab<UdpEntry> entries_;
  BoundPorts bound_;           ///< of all
  PortIndex open_;             ///< of those that are not connected
  FlowTable connected_;        ///< the others
  std::size_t to_port_0_ = 0;  ///< ... of them
};

}  // namespace lastack::host
