#include "wire/mac_address.hpp"

#include <charconv>

#include "wire/bytes.hpp"

namespace lastack::wire {

MacAddress MacAddress::of_group(const IpAddress& group) {
  const Bytes octets = group.bytes();
  MacAddress mac = of(group.is_v4() ? 0x0100'5e00'0000 : 0x3333'0000'0000);
  std::ranges::copy(octets.last(group.is_v4() ? 3 : 4),
                    mac.octets_.end() - (group.is_v4() ? 3 : 4));
  if (group.is_v4()) mac.octets_[3] &= std::byte{0x7f};  // 23 bits have to do for 28
  return mac;
}

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  constexpr std::size_t kText = 17;
  if (text.size() != kText) return std::nullopt;
  const char separator = text[2];
  if (separator != ':' && separator != '-') return std::nullopt;
  MacAddress mac;
  for (std::size_t i = 0; i < kSize; ++i) {
    const std::string_view part = text.substr(3 * i, 2);
    if (i > 0 && text[3 * i - 1] != separator) return std::nullopt;
    std::uint8_t value = 0;
    const auto [stop, error] = std::from_chars(part.data(), part.data() + 2, value, 16);
    if (error != std::errc{} || stop != part.data() + 2) return std::nullopt;
    mac.octets_[i] = std::byte{value};
  }
  return mac;
}

std::string MacAddress::to_string() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte octet : octets_) {
    if (!text.empty()) text += ':';
    text += kDigits[std::to_integer<std::size_t>(octet >> 4U)];
    text += kDigits[std::to_integer<std::size_t>(octet & std::byte{15})];
  }
  return text;
}

}  // namespace lastack::wire
