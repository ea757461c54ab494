// A host's side of an Ethernet against whatever frames there can be, in any order and at any time:
// it stays within its limits, keeps its deadlines, and sends nothing that it would not take.
// Target: ip/link_layer.* ip/link_layer_input.cpp ip/neighbours.cpp ip/own_addresses.cpp
// Target: ip/routes.cpp ip/router_discovery.cpp ip/groups.cpp ip/interface_id.cpp
// Target: ip/source_address.cpp
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "fuzz/must.hpp"
#include "ip/link_layer.hpp"
#include "wire/checksum.hpp"

namespace {

using namespace lastack;
using namespace lastack::ip;

constexpr std::size_t kIcmp = wire::kEthernetHeader + wire::kIpv6Header;

/// Takes the fuzzer's octets apart: numbers, and frames.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> octets) : octets_(octets) {}
  [[nodiscard]] bool done() const { return octets_.empty(); }
  std::uint8_t u8() {
    if (octets_.empty()) return 0;
    const std::uint8_t v = octets_[0];
    octets_ = octets_.subspan(1);
    return v;
  }
  std::vector<std::byte> octets(std::size_t n) {
    n = std::min(n, octets_.size());
    std::vector<std::byte> all(n);
    for (std::byte& b : all) b = std::byte{u8()};
    return all;
  }

 private:
  std::span<const std::uint8_t> octets_;
};

/// Makes an ICMPv6 checksum right, as no fuzzer would find it; so what lies behind it is reached.
void mend(std::vector<std::byte>& frame) {
  if (frame.size() < kIcmp + 4 || frame[20] != std::byte{58}) return;
  frame[18] = static_cast<std::byte>((frame.size() - kIcmp) >> 8U);
  frame[19] = static_cast<std::byte>((frame.size() - kIcmp) & 0xffU);
  const auto whole = std::span(frame);
  const auto icmp = whole.subspan(kIcmp);
  icmp[2] = icmp[3] = std::byte{0};
  wire::Sum sum = wire::pseudo_header(wire::IpAddress::from(whole.subspan(22, 16)),
                                      wire::IpAddress::from(whole.subspan(38, 16)), 58,
                                      static_cast<std::uint32_t>(icmp.size()));
  sum.add(icmp);
  wire::Writer(icmp.subspan(2, 2)).u16(sum.checksum());
}

LinkSettings settings(std::uint8_t choice) {
  LinkSettings settings;
  settings.mac = wire::MacAddress::of(0x0200'0000'0001);
  settings.autoconfigure = (choice & 1U) != 0;
  settings.ask_first = (choice & 2U) != 0;
  if ((choice & 4U) != 0) settings.interface_key = HashKey{1, 2};
  settings.neighbours.most = 8;
  settings.neighbours.most_incomplete = 4;
  settings.route_limits = {.advertised = 4, .redirected = 4};
  return settings;
}

void check(const LinkLayer& layer, TimePoint now) {
  fuzz::must(layer.neighbours().size() <= 8, "too many neighbours");
  fuzz::must(layer.routes().size() <= 3 + 1 + 4 + 4, "too many routes");
  fuzz::must(layer.addresses().size() <= 3 + OwnAddresses::kMostAdvertised, "too many addresses");
  fuzz::must(layer.groups().size() <= Groups::kMost, "too many groups");
  fuzz::must(layer.next_deadline() > now, "a deadline that advance() did not keep");
  fuzz::must(layer.mtu(wire::Family::v6) >= 1280, "an MTU below IPv6's least");
  for (const UsableAddress& u : layer.usable()) {
    const auto all = layer.addresses();
    fuzz::must(std::ranges::any_of(all,
                                   [&](const OwnAddress& a) {
                                     return a.usable() && a.prefix.address == u.prefix.address;
                                   }),
               "an address that is used and not ours");
  }
}

void drain(LinkLayer& layer) {
  while (const auto frame = layer.next_frame()) {
    const auto parsed = wire::parse_ethernet(frame->bytes());
    fuzz::must(parsed && parsed->header.source == layer.mac(), "a frame of ours that is none");
    if (parsed->header.type == wire::kEtherTypeArp) {
      fuzz::must(wire::parse_arp(parsed->payload).has_value(), "ARP of ours that is none");
      continue;
    }
    const auto ip = wire::parse_ip(parsed->payload);
    const bool report = ip && !ip->payload.empty() && ip->payload[0] == std::byte{143};
    fuzz::must(ip && (report || wire::parse_ndp(ip->header, ip->payload)),
               "a message of ours that we refuse");
  }
  while (layer.next_news()) {
  }
}

}  // namespace

/// The first octet chooses the settings. Then steps: a frame of so many octets, a packet for
/// somewhere, or time that passes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(std::span(data, size));
  const std::vector<wire::Prefix> addresses{*wire::Prefix::parse("10.0.0.1/24"),
                                            *wire::Prefix::parse("fd00::1/64")};
  LinkLayer layer(settings(in.u8()), addresses, 1500, Random(1));
  TimePoint now{std::chrono::seconds(1000)};
  layer.advance(now);
  while (!in.done()) {
    const std::uint8_t kind = in.u8();
    if (kind < 128) {
      auto frame = in.octets(in.u8() + (kind % 2 == 0 ? 0U : 256U));
      mend(frame);
      layer.frame_arrives(frame, now);
    } else if (kind < 192) {
      const auto octets = in.octets(kind % 2 == 0 ? 4 : 16);
      const auto destination = wire::IpAddress::from(octets);
      (void)layer.way_to(destination, now);
      (void)layer.source_for(destination);
      if (kind % 4 == 0) layer.progress(destination, now);
      if (kind % 4 == 2) layer.doubted(destination, now);
    } else {
      now += Duration(std::int64_t{1} << (kind % 40U));
    }
    layer.advance(now);
    drain(layer);
    check(layer, now);
  }
  return 0;
}
