// The way out of a run, and into it: connections of its programs with the world. A program's
// connection is lastack's own, with an end here that has the address it asked for; behind that
// stands a socket of the machine.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "io/event_loop.hpp"
#include "io/host_driver.hpp"
#include "link/gate.hpp"
#include "run/datagram_nat.hpp"
#include "run/leg.hpp"
#include "run/loopbacks.hpp"

namespace lastack::run {

struct Surroundings {
  Pair run;                              ///< where the programs are
  Pair machine;                          ///< where they find the machine's own loopback
  std::vector<wire::IpAddress> hosts{};  ///< further addresses of theirs
};

/// Both ends of a leg, for views.
struct ShownLeg {
  host::Flow program;  ///< as the program's end has it
  host::Flow machine;
  std::optional<tcp::State> state;  ///< of the machine's end
};

class Gateway {
 public:
  /// `far` is where packets come out that are not the run's own; it outlives the gateway, as `loop`
  /// and `errands` do.
  Gateway(link::Link& far, io::EventLoop& loop, Errands& errands, host::Config config,
          Random random, Surroundings around);
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;
  ~Gateway();

  /// A program connects to `to`, which is outside, and its SYN has not come yet: the machine begins
  /// to connect as well. errno where it can't, at once; then nothing has begun.
  [[nodiscard]] std::expected<void, int> begin(const host::Endpoint& to);
  /// Who connects to `outside`, an address of the machine, is connected with `port` of the run; its
  /// own address is what the program sees, but for the machine's loopback. errno.
  [[nodiscard]] std::expected<void, int> publish(const host::Endpoint& outside, std::uint16_t port);

  /// Does what there is to do now.
  void turn(TimePoint now);
  [[nodiscard]] TimePoint next_deadline() const;
  [[nodiscard]] std::vector<ShownLeg> shown() const;
  /// Whether programs have sent something that the machine does not have yet.
  [[nodiscard]] bool has_to_send() const;
  /// Octets carried so far, both ways.
  [[nodiscard]] std::uint64_t carried() const { return carried_; }

 private:
  using Id = std::uint64_t;
  static constexpr std::size_t kScratch = std::size_t{256} << 10U;
  /// How long the machine's end waits for the program's, whose SYN may have been lost.
  static constexpr Duration kExpects = 10s;

  enum class Stage : std::uint8_t {
    machine_connects,  ///< to the world, for a program
    is_expected,       ///< the program's connection, with the machine's in place
    program_answers,   ///< or not: to somebody of the world
    open
  };
  struct Passage {
    Leg leg;
    Stage stage = Stage::machine_connects;
    host::Endpoint to{};                  ///< whom the program connects to, or the world does
    host::Endpoint from{};                ///< who of the world connects
    std::optional<link::Knock> knock{};   ///< what the program's SYN said
    std::uint32_t open = UINT32_MAX;      ///< the open socket of the end inside
    std::vector<wire::IpAddress> left{};  ///< where the program has not been sought yet
  };
  /// Where programs' connections to one place in the world come.
  struct Door {
    socket::Fd listener = -1;
    std::size_t expected = 0;
  };
  struct Published {
    OwnedFd listener;
    std::uint16_t port = 0;
  };

  // gateway.cpp
  Id take_in(Passage passage);
  void forget(Id id);
  void have_end(Id id, Passage& passage, socket::Fd fd);
  void note_news(Id id, std::uint32_t events);
  void act_on_due(TimePoint now);
  void act_on_wakes(TimePoint now);
  void act(Id id, TimePoint now);
  void end(Id id, Leg::Fate fate, TimePoint now);
  [[nodiscard]] host::Endpoint in_the_machine(const host::Endpoint& to) const;
  [[nodiscard]] host::Endpoint in_the_run(const host::Endpoint& from) const;

  // out_of_run.cpp
  link::Gate::Answer knocked(const link::Knock& knock);
  void give_up_expecting(TimePoint now);
  void machine_answers(Id id, Passage& passage, TimePoint now);
  void expect(Id id, Passage& passage, TimePoint now);
  void not_connected(Id id, Passage& passage, int error);
  [[nodiscard]] bool open_door(const host::Endpoint& at, TimePoint now);
  void leave_door(const host::Endpoint& at, TimePoint now);
  void accept_inside(const host::Endpoint& at, TimePoint now);

  // into_run.cpp
  void accept_outside(const Published& published);
  void seek_program(Id id, Passage& passage, TimePoint now);
  void program_answers(Id id, Passage& passage, TimePoint now);

  io::EventLoop* loop_;
  Errands* errands_;
  DatagramNat nat_;
  link::Gate gate_;
  host::Host host_;
  socket::Sockets sockets_;
  io::HostDriver driver_;
  Surroundings around_;
  io::EventLoop::WatcherId outsides_ = 0;  ///< who watches all sockets of the machine
  std::deque<Id> due_;                     ///< have news
  Id next_id_ = 1;
  std::uint64_t carried_ = 0;
  std::unordered_map<Id, Passage> passages_;
  std::multimap<host::Endpoint, Id> unclaimed_;  ///< begun, by whom they lead to; no SYN has come
  std::map<link::Knock, Id> by_knock_;
  std::deque<std::pair<TimePoint, Id>> expected_;  ///< until when
  std::unordered_map<std::uint32_t, Id> by_open_;
  std::map<host::Endpoint, Door> doors_;
  std::unordered_map<std::uint32_t, host::Endpoint> doors_by_open_;
  std::vector<std::unique_ptr<Published>> published_;
  std::vector<Id> failing_;  ///< to be looked at each turn
  std::vector<std::byte> scratch_ = std::vector<std::byte>(kScratch);
};

/// A socket of the machine for a stream to where `end` is, that never blocks and holds nothing
/// back; so do those that it accepts.
[[nodiscard]] OwnedFd machine_stream(const host::Endpoint& end);

}  // namespace lastack::run
