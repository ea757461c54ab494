// Packets typed by hand: IPv4 with options, IPv6 with extension headers, pieces of either.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "wire/checksum.hpp"
#include "wire/extensions.hpp"
#include "wire/header_problem.hpp"
#include "wire/icmp.hpp"
#include "wire/ip.hpp"
#include "wire/octets.hpp"

namespace lastack_test {

using lastack::wire::Bytes;

inline Octets operator+(Octets a, const Octets& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// `size` octets that tell their place, starting as the `from`th.
inline Octets counted(std::size_t size, std::size_t from = 0) {
  Octets out(size);
  for (std::size_t i = 0; i < size; ++i)
    out[i] = static_cast<std::byte>((from + i) * 7 + (from + i) / 251);
  return out;
}

/// The header checksum of an IPv4 packet put right.
inline Octets summed(Octets packet) {
  const std::size_t header = (std::to_integer<unsigned>(packet[0]) & 15U) * 4U;
  packet[10] = packet[11] = std::byte{0};
  lastack::wire::Sum sum;
  sum.add(Bytes(packet).first(header));
  lastack::wire::Writer(std::span(packet).subspan(10, 2)).u16(sum.checksum());
  return packet;
}

/// A problem that the sender is told of.
inline lastack::wire::HeaderProblem told(lastack::wire::ParseError error, std::uint8_t code,
                                         std::uint32_t pointer) {
  return {.error = error, .told = true, .code = code, .pointer = pointer};
}

/// 10.0.0.1 to 10.0.0.2, with `options` (a multiple of four octets) in the header.
inline Octets v4(std::uint8_t protocol, const Octets& payload, const Octets& options = {}) {
  Octets packet(20);
  lastack::wire::emit_ip(
      {.source = address("10.0.0.1"), .destination = address("10.0.0.2"), .protocol = protocol},
      payload.size() + options.size(), packet);
  packet[0] = static_cast<std::byte>(0x40U | (20 + options.size()) / 4);
  return summed(packet + options + payload);
}

/// fd00::1 to fd00::2; `first` names what `rest` begins with.
inline Octets v6(std::uint8_t first, const Octets& rest) {
  Octets packet(40);
  lastack::wire::emit_ip(
      {.source = address("fd00::1"), .destination = address("fd00::2"), .protocol = first},
      rest.size(), packet);
  return packet + rest;
}

/// A header of options, padded to a multiple of eight octets.
inline Octets options_header(std::uint8_t next, Octets options) {
  const std::size_t pad = (8 - (2 + options.size()) % 8) % 8;
  if (pad == 1) options.push_back(std::byte{0});
  if (pad > 1) options = options + octets({1, static_cast<int>(pad - 2)}) + Octets(pad - 2);
  return octets({next, static_cast<int>((2 + options.size()) / 8 - 1)}) + options;
}

inline Octets fragment_header(std::uint8_t next, std::size_t offset, bool more,
                              std::uint8_t id = 1) {
  const auto place = static_cast<unsigned>(offset | (more ? 1U : 0U));
  return octets(
      {next, 0, static_cast<int>(place >> 8U), static_cast<int>(place & 255U), 0, 0, 0, id});
}

/// An IPv4 packet made a piece.
inline Octets piece_v4(std::uint8_t protocol, const Octets& payload, std::size_t offset, bool more,
                       std::uint16_t id = 1, const Octets& options = {}) {
  Octets packet = v4(protocol, payload, options);
  lastack::wire::Writer(std::span(packet).subspan(4, 2)).u16(id);
  lastack::wire::Writer(std::span(packet).subspan(6, 2))
      .u16(static_cast<std::uint32_t>(offset / 8 | (more ? 0x2000U : 0U)));
  return summed(packet);
}

inline Octets piece_v6(std::uint8_t protocol, const Octets& payload, std::size_t offset, bool more,
                       std::uint8_t id = 1) {
  return v6(lastack::wire::kFragmentHeader, fragment_header(protocol, offset, more, id) + payload);
}

}  // namespace lastack_test
