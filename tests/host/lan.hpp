// Several hosts on one Ethernet in virtual time, and frames that no host would send.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/host.hpp"
#include "wire/arp.hpp"
#include "wire/ethernet.hpp"
#include "wire/ndp.hpp"

namespace lastack_test {

using lastack::Duration;
using lastack::Endpoint;
using lastack::kNever;
using lastack::Random;
using lastack::Slice;
using lastack::TimePoint;
using lastack::host::Config;
using lastack::host::Host;
using lastack::wire::Bytes;
using lastack::wire::IpAddress;
using lastack::wire::MacAddress;
using lastack::wire::Prefix;

/// A frame on the wire.
struct Frame {
  std::size_t from = 0;  ///< the station, or Lan::kNobody for one that a test made up
  Slice octets;
  TimePoint arrives{};

  [[nodiscard]] lastack::wire::ParsedFrame parsed() const {
    return *lastack::wire::parse_ethernet(octets.bytes());
  }
  [[nodiscard]] bool is_arp_reply() const {
    const auto arp = lastack::wire::parse_arp(parsed().payload);
    return arp && arp->operation == lastack::wire::ArpPacket::Operation::reply;
  }
  /// ICMPv6 of that type.
  [[nodiscard]] bool is_icmpv6(unsigned type) const {
    const Bytes payload = parsed().payload;
    return parsed().header.type == lastack::wire::kEtherTypeIpv6 && payload.size() > 40 &&
           std::to_integer<unsigned>(payload[6]) == 58 &&
           std::to_integer<unsigned>(payload[40]) == type;
  }
  [[nodiscard]] bool is_tcp() const {
    const Bytes payload = parsed().payload;
    const bool v4 = parsed().header.type == lastack::wire::kEtherTypeIpv4;
    return payload.size() > 40 && !is_icmpv6(135) &&
           std::to_integer<unsigned>(payload[v4 ? 9 : 6]) == 6;
  }
};

/// A hub: every station hears every other one, a millisecond later.
class Lan {
 public:
  static constexpr std::size_t kNobody = SIZE_MAX;
  static constexpr Duration kDelay = std::chrono::milliseconds(1);

  /// Frames for which it says false are lost.
  std::function<bool(const Frame&)> passes = [](const Frame&) { return true; };
  /// Told of each frame that arrives, whoever sent it: for stations that are no hosts.
  std::function<void(const Frame&)> hears;
  unsigned copies = 1;  ///< how often each frame arrives
  std::vector<Frame> seen;

  static MacAddress mac(std::size_t i) { return MacAddress::of(0x0200'0000'0001 + i); }
  /// 10.0.0.1 and fd00::1 for station 0, and so on.
  static IpAddress address(std::size_t i, bool v6) {
    const std::string number = std::to_string(i + 1);
    return *IpAddress::parse(v6 ? "fd00::" + number : "10.0.0." + number);
  }
  static Config config(std::size_t i) {
    Config config;
    config.medium = lastack::host::Medium::ethernet;
    config.link.mac = mac(i);
    config.addresses = {{address(i, false), 24}, {address(i, true), 64}};
    return config;
  }

  /// A host joins; its number.
  std::size_t add(const Config& config) {
    hosts_.push_back(std::make_unique<Host>(config, Random(hosts_.size() + 1)));
    return hosts_.size() - 1;
  }
  std::size_t add() { return add(config(hosts_.size())); }
  /// A host is switched off; its number stays free.
  void remove(std::size_t i) { hosts_[i].reset(); }

  Host& host(std::size_t i) { return *hosts_[i]; }
  [[nodiscard]] TimePoint now() const { return now_; }

  /// A frame that no host here sent, on its way to all.
  void put(Bytes octets) { wire_.push_back({kNobody, Slice::copy_of(octets), now_ + kDelay}); }
  /// The same, and it arrives.
  void inject(Bytes octets) {
    put(octets);
    run(kDelay);
  }

  void run(Duration span) {
    const TimePoint until = now_ + span;
    for (;;) {
      flush();
      TimePoint due = wire_.empty() ? kNever : wire_.front().arrives;
      for (const auto& h : hosts_) {
        if (h) due = std::min(due, h->next_deadline());
      }
      if (due > until) break;
      now_ = std::max(now_, due);
      if (!wire_.empty() && wire_.front().arrives <= now_) {
        deliver();
      } else {
        for (const auto& h : hosts_) {
          if (h) h->advance(now_);
        }
      }
    }
    now_ = until;
    flush();
  }
  /// Until every address is decided on.
  void settle() { run(std::chrono::seconds(12)); }

  /// Sends what there is to send now.
  void flush() {
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      if (!hosts_[i]) continue;
      while (hosts_[i]->transmit(out_, now_)) {
        Frame frame{i, Slice::allocate(out_.size()), now_ + kDelay};
        frame.octets.grow(out_.copy_to(frame.octets.tail_room()));
        seen.push_back(frame);
        if (!passes(frame)) continue;
        for (unsigned copy = 0; copy < copies; ++copy) wire_.push_back(frame);
      }
      lastack::host::HostEvent event;
      while (hosts_[i]->next_event(event)) {
      }
    }
  }

 private:
  /// All that is due, to each host in one batch, as a device would.
  void deliver() {
    const auto later =
        std::ranges::find_if(wire_, [this](const Frame& frame) { return frame.arrives > now_; });
    const std::vector<Frame> due(wire_.begin(), later);
    wire_.erase(wire_.begin(), later);
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      std::vector<Slice> batch;
      for (const Frame& frame : due) {
        if (frame.from != i) batch.push_back(frame.octets);
      }
      if (hosts_[i]) hosts_[i]->frames_arrive(batch, now_);
    }
    if (!hears) return;
    for (const Frame& frame : due) hears(frame);
  }

  TimePoint now_{std::chrono::seconds(1000)};
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<Frame> wire_;
  lastack::host::PacketOut out_;
};

}  // namespace lastack_test
