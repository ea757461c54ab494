// Datagrams out of a run and back: each program's port and each receiver have a socket of the
// machine between them (RFC 4787, address and port-dependent mapping and filtering).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "io/event_loop.hpp"
#include "link/link.hpp"
#include "run/descriptor.hpp"
#include "run/edges.hpp"
#include "wire/ip.hpp"

namespace lastack::run {

/// Takes the datagrams out of what comes over the link; all else passes. What the machine's sockets
/// receive, or learn that nobody receives, goes back over the link.
class DatagramNat final : public link::Wrapper {
 public:
  using Moved = std::function<Endpoint(const Endpoint&)>;

  /// `in_the_machine`: where an address of the run leads. All of them outlive it.
  DatagramNat(link::Link& inner, io::EventLoop& loop, Moved in_the_machine);
  ~DatagramNat() override;

  void send(const link::PacketRef& packet, TimePoint now) override { inner().send(packet, now); }
  std::size_t receive(std::vector<link::Packet>& into, TimePoint now) override;

 private:
  /// From a program, to a receiver.
  using Ends = std::pair<Endpoint, Endpoint>;
  struct Way {
    Ends ends;
    OwnedFd socket;
    TimePoint used{};
  };
  using Id = std::uint64_t;

  [[nodiscard]] bool taken(const link::Packet& packet, TimePoint now);
  [[nodiscard]] Way* way_for(const Ends& ends, TimePoint now);
  void forget(Id id);
  void make_room(TimePoint now);
  void look_outside();
  void bring_back(Way& way, TimePoint now);
  void tell_unreachable(const Way& way, int error, TimePoint now);

  io::EventLoop* loop_;
  Moved in_the_machine_;
  Edges outsides_;  ///< the machine's sockets
  Id next_id_ = 1;
  std::map<Ends, Id> by_ends_;
  std::unordered_map<Id, Way> ways_;
  std::vector<std::byte> scratch_ = std::vector<std::byte>(wire::kMostPacket);
};

}  // namespace lastack::run
