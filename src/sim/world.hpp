// Hosts in virtual time over seeded wires: the same seed gives the same run, packet for packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "host/host.hpp"
#include "link/capture.hpp"
#include "link/impaired.hpp"
#include "link/memory.hpp"
#include "socket/sockets.hpp"

namespace lastack::sim {

/// What runs at a host: it works with the host's sockets and never waits.
class Program {
 public:
  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  virtual ~Program() = default;
  /// Something may have come about at the host, or next_wake() has come: do what there is to do.
  virtual void run(TimePoint now) = 0;
  /// When it wants to run although nothing comes about; kNever for never.
  [[nodiscard]] virtual TimePoint next_wake() const = 0;
};

/// Looks on as packets pass one host, just behind it: before the wire harms what is sent, and after
/// it harmed what arrives.
class Watcher {
 public:
  Watcher() = default;
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  virtual ~Watcher() = default;
  virtual void sent(std::size_t host, const link::PacketRef& packet, TimePoint now) = 0;
  virtual void arrived(std::size_t host, const Slice& packet, TimePoint now) = 0;
};

/// Everything that happens, in the order of its time, and within that by host in the order they
/// were added. Nothing in it knows real time, and all that is drawn comes from one seed.
class World {
 public:
  static constexpr TimePoint kStart{1000s};

  explicit World(std::uint64_t seed);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Adds a host; its number, from 0.
  std::size_t add_host(host::Config config);
  /// A wire between two hosts: what happens to packets from `a` to `b`, and from `b` to `a`.
  void add_wire(std::size_t a, std::size_t b, const link::Impairment& there,
                const link::Impairment& back);
  void add_program(std::size_t host, std::unique_ptr<Program> program);
  /// Everybody's packets, with state changes as comments. Say so before wires are added; the sink
  /// must outlive the world.
  void capture_to(link::ByteSink& sink) { capture_.emplace(sink); }
  void watch(Watcher* watcher) { watcher_ = watcher; }

  [[nodiscard]] TimePoint now() const { return now_; }
  [[nodiscard]] std::size_t hosts() const { return places_.size(); }
  [[nodiscard]] host::Host& host(std::size_t i) { return *places_[i]->host; }
  [[nodiscard]] socket::Sockets& sockets(std::size_t i) { return *places_[i]->sockets; }
  /// What became of the packets that `a` sent over its wire to `b`; there must be one.
  [[nodiscard]] const link::ImpairmentTally& tally(std::size_t a, std::size_t b) const;
  void set_impairment(std::size_t a, std::size_t b, const link::Impairment& impairment);

  /// Does all that is due at the next moment at which anything is, at `until` at the latest. False
  /// where nothing is before that: the time is then `until`.
  bool step(TimePoint until);
  /// Until `done()` is true, asked after each moment. False where `limit` came first, or where time
  /// stood still.
  bool run_until(const std::function<bool()>& done, TimePoint limit);
  void run(Duration span);
  /// Lets hosts send what user calls from outside of a program made them want to.
  void flush();

  /// Says all that was sent and received, when and where: equal for equal runs.
  [[nodiscard]] std::uint64_t trace_hash() const { return trace_; }
  /// Packets sent by all hosts.
  [[nodiscard]] std::uint64_t packets() const { return packets_; }
  /// Moments that had something to do; a measure of work.
  [[nodiscard]] std::uint64_t moments() const { return moments_; }
  /// True once the same moment came round too often: somebody keeps asking for it.
  [[nodiscard]] bool stands_still() const { return same_moment_ > kMostAtOnce; }

 private:
  static constexpr std::uint32_t kMostAtOnce = 100'000;

  struct Port {
    std::size_t to;
    std::unique_ptr<link::ImpairedLink> impaired;
    std::unique_ptr<link::CaptureLink> capture;
    [[nodiscard]] link::Link& outermost() const {
      return capture ? static_cast<link::Link&>(*capture) : *impaired;
    }
  };
  struct Place {
    std::unique_ptr<host::Host> host;
    std::unique_ptr<socket::Sockets> sockets;
    std::vector<Port> ports;
    std::vector<std::unique_ptr<Program>> programs;
  };

  void make_port(std::size_t from, std::size_t to, link::Link& end, const link::Impairment& harm);
  [[nodiscard]] const Port& port(std::size_t a, std::size_t b) const;
  [[nodiscard]] Port* port_for(Place& place, const host::PacketOut& packet);
  [[nodiscard]] TimePoint next_due() const;
  void serve(std::size_t i);
  bool take_packets(std::size_t i);
  void send_packets(std::size_t i);
  void tell_events(std::size_t i, Port* came_through = nullptr, std::size_t nth = 0);
  void trace(std::size_t host, bool out, link::Bytes octets);

  Random random_;
  TimePoint now_ = kStart;
  std::vector<std::unique_ptr<link::MemoryWire>> wires_;
  std::optional<link::CaptureFile> capture_;
  std::vector<std::unique_ptr<Place>> places_;
  Watcher* watcher_ = nullptr;
  host::PacketOut out_;
  std::vector<link::Packet> in_;
  std::uint64_t trace_ = 0;
  std::uint64_t packets_ = 0;
  std::uint64_t moments_ = 0;
  std::uint32_t same_moment_ = 0;
};

}  // namespace lastack::sim
