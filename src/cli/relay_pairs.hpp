// What `lastack relay` does, on the socket calls of one host: each connection it accepts gets a
// second one to another place, and octets, FIN and RST go across in both directions.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/host.hpp"
#include "socket/sockets.hpp"

namespace lastack::cli {

struct RelayTally {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;   ///< the other place could not be connected to
  std::uint64_t reset = 0;     ///< a leg was reset or gave up, and so the other was reset
  std::uint64_t complete = 0;  ///< both directions ended with FIN
};

class RelayPairs {
 public:
  /// Beyond `most` pairs whoever connects waits.
  RelayPairs(socket::Sockets& sockets, const host::Endpoint& to, std::size_t most = 8192)
      : sockets_(&sockets), to_(to), most_(most) {}

  /// Why it can't listen on `port`; nothing where it does.
  std::optional<std::string> listen(std::uint16_t port, bool v4, bool v6, TimePoint now);
  void on_event(const host::HostEvent& event, TimePoint now);
  /// Ends listening, and resets all legs: a FIN would say that what has come so far was all.
  void stop(TimePoint now);
  [[nodiscard]] std::size_t pairs() const { return legs_.size() / 2; }
  [[nodiscard]] const RelayTally& tally() const { return tally_; }

 private:
  /// One direction: what came from a leg and the other has not taken.
  struct Way {
    std::vector<std::byte> waiting;
    bool ended = false;  ///< its FIN has gone across
  };
  struct Leg {
    socket::Fd fd = -1;
    std::uint64_t key = 0;
  };
  /// Leg 0 was accepted, leg 1 is ours; way i leads from leg i.
  struct Pair {
    std::array<Leg, 2> legs;
    std::array<Way, 2> ways;
    bool connected = false;
  };

  static std::uint64_t key_of(host::FlowId id) {
    return std::uint64_t{id.index} << 32U | id.generation;
  }
  void accept_all(TimePoint now);
  void begin(socket::Fd accepted, TimePoint now);
  void act(const std::shared_ptr<Pair>& pair, TimePoint now);
  [[nodiscard]] bool opened(Pair& pair, TimePoint now);
  bool carry(Pair& pair, std::size_t from, TimePoint now);
  [[nodiscard]] bool failed(const Leg& leg) const;
  void reset(const Pair& pair, TimePoint now);
  void forget(const Pair& pair);

  socket::Sockets* sockets_;
  host::Endpoint to_;
  std::size_t most_;
  std::vector<socket::Fd> listening_;
  std::map<std::uint64_t, std::shared_ptr<Pair>> legs_;  ///< each pair under both of its legs
  RelayTally tally_;
};

}  // namespace lastack::cli
