#include "wire/arp.hpp"

#include <array>

#include "wire/ethernet.hpp"

namespace lastack::wire {
namespace {

constexpr std::uint16_t kEthernetHardware = 1;
constexpr std::size_t kIpv4Address = 4;

bool can_be_sender(const ArpPacket& arp) {
  const IpAddress& address = arp.sender_address;
  return arp.sender.is_station() && !address.is_multicast() && !address.is_broadcast() &&
         !address.is_loopback();
}

}  // namespace

std::string_view to_string(ArpError error) {
  static constexpr std::array<std::string_view, kArpErrorCount> kNames{
      "truncated", "other_network", "bad_operation", "bad_sender"};
  return kNames[static_cast<std::size_t>(error)];
}

std::expected<ArpPacket, ArpError> parse_arp(Bytes packet) {
  Reader in(packet);
  const bool ethernet = in.u16() == kEthernetHardware;
  const bool ipv4 = in.u16() == kEtherTypeIpv4;
  const bool sizes = in.u8() == MacAddress::kSize && in.u8() == kIpv4Address;
  const std::uint16_t operation = in.u16();
  ArpPacket arp;
  arp.sender = MacAddress::from(in.bytes(MacAddress::kSize));
  arp.sender_address = IpAddress::from(in.bytes(kIpv4Address));
  arp.target = MacAddress::from(in.bytes(MacAddress::kSize));
  arp.target_address = IpAddress::from(in.bytes(kIpv4Address));
  if (!in.ok()) return std::unexpected(ArpError::truncated);
  if (!ethernet || !ipv4 || !sizes) return std::unexpected(ArpError::other_network);
  if (operation != 1 && operation != 2) return std::unexpected(ArpError::bad_operation);
  if (!can_be_sender(arp)) return std::unexpected(ArpError::bad_sender);
  arp.operation = static_cast<ArpPacket::Operation>(operation);
  return arp;
}

std::size_t emit_arp(const ArpPacket& packet, MutableBytes into) {
  if (into.size() < kArpPacket) return 0;
  Writer out(into.first<kArpPacket>());
  out.u16(kEthernetHardware);
  out.u16(kEtherTypeIpv4);
  out.u8(MacAddress::kSize);
  out.u8(kIpv4Address);
  out.u16(static_cast<std::uint32_t>(packet.operation));
  out.bytes(packet.sender.bytes());
  out.bytes(packet.sender_address.bytes());
  out.bytes(packet.target.bytes());
  out.bytes(packet.target_address.bytes());
  return out.at();
}

}  // namespace lastack::wire
