#include "lastack/address.hpp"

#include <algorithm>
#include <charconv>

#include "wire/bytes.hpp"

namespace lastack {
namespace {

using wire::Bytes;
using wire::MutableBytes;

constexpr std::size_t kGroups = 8;  // of an IPv6 address

/// A number of at most `digits` digits, all of `text`.
std::optional<std::uint32_t> number(std::string_view text, int base, std::size_t digits) {
  std::uint32_t value = 0;
  const char* const end = text.data() + text.size();
  if (text.empty() || text.size() > digits) return std::nullopt;
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

bool parse_v4(std::string_view text, MutableBytes into) {
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t end = i < 3 ? text.find('.') : text.size();
    if (end == std::string_view::npos) return false;
    const std::string_view part = text.substr(0, end);
    const auto value = number(part, 10, 3);
    if (!value || *value > 255 || (part.size() > 1 && part[0] == '0')) return false;
    into[i] = static_cast<std::byte>(*value);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return text.empty();
}

/// Groups between colons, up to the end; the last may be an IPv4 address. Octets written, or none.
std::optional<std::size_t> parse_groups(std::string_view text, MutableBytes into) {
  std::size_t at = 0;
  while (!text.empty()) {
    const std::size_t end = text.find(':');
    const std::string_view part = text.substr(0, end);
    const bool last = end == std::string_view::npos;
    if (last && part.find('.') != std::string_view::npos) {
      if (at + 4 > into.size() || !parse_v4(part, into.subspan(at, 4))) return std::nullopt;
      return at + 4;
    }
    const auto value = number(part, 16, 4);
    if (!value || at + 2 > into.size()) return std::nullopt;
    into[at++] = static_cast<std::byte>(*value >> 8U);
    into[at++] = static_cast<std::byte>(*value & 0xffU);
    if (last) return at;
    text.remove_prefix(end + 1);
    if (text.empty()) return std::nullopt;  // a colon at the end
  }
  return at;
}

bool parse_v6(std::string_view text, MutableBytes into) {
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) return parse_groups(text, into) == 16U;
  std::array<std::byte, 16> tail{};
  const auto before = parse_groups(text.substr(0, gap), into);
  const auto after = parse_groups(text.substr(gap + 2), tail);
  if (!before || !after || *before + *after > 14) return false;
  std::ranges::fill(into.subspan(*before), std::byte{0});
  std::copy_n(tail.begin(), *after, into.end() - static_cast<std::ptrdiff_t>(*after));
  return true;
}

std::uint32_t group(Bytes octets, std::size_t i) {
  return std::to_integer<std::uint32_t>(octets[2 * i]) << 8U |
         std::to_integer<std::uint32_t>(octets[2 * i + 1]);
}

void append(std::string& text, std::uint32_t value, int base) {
  std::array<char, 8> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, base).ptr;
  text.append(digits.data(), end);
}

/// The longest run of zero groups, at least two (RFC 5952 §4.2).
std::pair<std::size_t, std::size_t> longest_zeros(Bytes octets) {
  std::size_t best = 0;
  std::size_t best_at = kGroups;
  for (std::size_t i = 0; i < kGroups; ++i) {
    std::size_t n = 0;
    while (i + n < kGroups && group(octets, i + n) == 0) ++n;
    if (n > best && n > 1) {
      best = n;
      best_at = i;
    }
  }
  return {best_at, best};
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  IpAddress address;
  if (text.find(':') == std::string_view::npos) {
    if (!parse_v4(text, std::span(address.octets_).last(4))) return std::nullopt;
    return address;
  }
  if (!parse_v6(text, address.octets_)) return std::nullopt;
  return address;
}

bool IpAddress::is_unspecified() const {
  return std::ranges::all_of(bytes(), [](std::byte b) { return b == std::byte{0}; });
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return octets_[kMapped] == std::byte{127};
  return octets_[15] == std::byte{1} &&
         std::ranges::all_of(bytes().first(15), [](std::byte b) { return b == std::byte{0}; });
}

bool IpAddress::is_multicast() const {
  if (is_v4()) return (octets_[kMapped] & std::byte{0xf0}) == std::byte{0xe0};
  return octets_[0] == std::byte{0xff};
}

bool IpAddress::is_broadcast() const {
  return is_v4() && std::ranges::all_of(bytes(), [](std::byte b) { return b == std::byte{255}; });
}

bool IpAddress::is_link_local() const {
  if (is_v4()) return octets_[kMapped] == std::byte{169} && octets_[kMapped + 1] == std::byte{254};
  return octets_[0] == std::byte{0xfe} && (octets_[1] & std::byte{0xc0}) == std::byte{0x80};
}

std::string IpAddress::to_string() const {
  std::string text;
  if (is_v4()) {
    for (std::size_t i = 0; i < 4; ++i) {
      if (i > 0) text += '.';
      append(text, std::to_integer<std::uint32_t>(octets_[kMapped + i]), 10);
    }
    return text;
  }
  const auto [zeros_at, zeros] = longest_zeros(bytes());
  for (std::size_t i = 0; i < kGroups; ++i) {
    if (i == zeros_at) {
      text += "::";
      i += zeros - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    append(text, group(bytes(), i), 16);
  }
  return text;
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const std::uint8_t most = address->is_v4() ? 32 : 128;
  if (slash == std::string_view::npos) return Prefix{*address, most};
  const auto length = number(text.substr(slash + 1), 10, 3);
  if (!length || *length > most) return std::nullopt;
  return Prefix{*address, static_cast<std::uint8_t>(*length)};
}

bool Prefix::contains(const IpAddress& other) const {
  if (other.family() != address.family()) return false;
  const Bytes a = address.bytes();
  const Bytes b = other.bytes();
  for (std::size_t bit = 0; bit < length; bit += 8) {
    const std::size_t left = std::min<std::size_t>(8, length - bit);
    const auto mask = static_cast<std::byte>(0xff00U >> left);
    if ((a[bit / 8] & mask) != (b[bit / 8] & mask)) return false;
  }
  return true;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  if (brackets) host = host.substr(1, host.size() - 2);
  const bool colons = host.find(':') != std::string_view::npos;
  const auto address = IpAddress::parse(host);
  const auto port = number(text.substr(colon + 1), 10, 5);
  if (!address || !port || *port > 0xffff || colons != brackets) return std::nullopt;
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::string Endpoint::to_string() const {
  std::string text = address.to_string();
  if (!address.is_v4()) text = "[" + text + "]";
  return text + ":" + std::to_string(port);
}

}  // namespace lastack
