// Inputs of several kinds for one fuzzer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "wire/bytes.hpp"

namespace lastack::fuzz {

/// Hands an input to one of `kTakers`: its first octet says to which, the rest is theirs.
template <void (*... kTakers)(wire::Bytes)>
void take_by_kind(const std::uint8_t* data, std::size_t size) {
  constexpr std::array kAll{kTakers...};
  if (size == 0) return;
  kAll[data[0] % kAll.size()](std::as_bytes(std::span(data + 1, size - 1)));
}

[[nodiscard]] inline std::string_view text_of(wire::Bytes octets) {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

}  // namespace lastack::fuzz
