// The stream buffers as plainly as they can be said: octets in vectors, and a list of calls.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/sequence.hpp"

namespace lastack_test {

using namespace lastack;

using Octets = std::vector<std::uint8_t>;

inline std::span<const std::byte> bytes_of(const Octets& octets) {
  return std::as_bytes(std::span(octets));
}
inline Octets octets_of(std::span<const std::byte> bytes) {
  const auto* const first = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return Octets(first, first + bytes.size());
}

/// What SendBuffer must hold.
struct PlainSend {
  Offset begin = 0;
  Octets octets;

  [[nodiscard]] Offset end() const { return begin + static_cast<Offset>(octets.size()); }
  void append(const Octets& more) { octets.insert(octets.end(), more.begin(), more.end()); }
  void release(Offset una) {
    if (una <= begin) return;
    octets.erase(octets.begin(), octets.begin() + (una - begin));
    begin = una;
  }
  [[nodiscard]] Octets get(Range wanted) const {
    const Offset from = std::max(wanted.begin, begin);
    const Offset to = std::min(wanted.end, end());
    if (from >= to) return {};
    return {octets.begin() + (from - begin), octets.begin() + (to - begin)};
  }
};

/// What ReceiveBuffer must hold: an octet or nothing for each place from the first unread one on.
struct PlainReceive {
  Offset begin = 0;
  std::vector<std::uint8_t> value;
  std::vector<std::uint8_t> held;  ///< 1 or 0

  [[nodiscard]] std::size_t in_order() const {
    if (held.empty()) return 0;
    const void* const gap = std::memchr(held.data(), 0, held.size());
    if (gap == nullptr) return held.size();
    return static_cast<std::size_t>(static_cast<const std::uint8_t*>(gap) - held.data());
  }
  /// Ranges held beyond the first gap.
  [[nodiscard]] std::vector<Range> ahead() const {
    std::vector<Range> found;
    for (std::size_t i = in_order(); i < held.size(); ++i) {
      const Offset at = begin + static_cast<Offset>(i);
      if (held[i] == 0) continue;
      if (found.empty() || found.back().end != at) found.push_back({at, at});
      ++found.back().end;
    }
    return found;
  }
  /// Whether the octets overlap or touch what is held, or the in-order end.
  [[nodiscard]] bool touches(Range fresh) const {
    const auto size = static_cast<Offset>(held.size());
    const Offset from = std::clamp<Offset>(fresh.begin - begin - 1, 0, size);
    const Offset to = std::clamp<Offset>(fresh.end - begin + 1, 0, size);
    if (fresh.begin <= begin + static_cast<Offset>(in_order())) return true;
    return !held.empty() &&
           std::memchr(held.data() + from, 1, static_cast<std::size_t>(to - from)) != nullptr;
  }
  bool insert(Offset at, const Octets& data, std::size_t most_ahead) {
    const Offset end = at + static_cast<Offset>(data.size());
    if (data.empty() || end <= begin) return true;
    if (!touches({at, end}) && ahead().size() == most_ahead) return false;
    const auto size = static_cast<std::size_t>(end - begin);
    if (held.size() < size) {
      held.resize(size, 0);
      value.resize(size);
    }
    for (std::size_t i = 0; i < data.size(); ++i) {
      const Offset place = at + static_cast<Offset>(i) - begin;
      if (place < 0 || held[static_cast<std::size_t>(place)] != 0) continue;
      held[static_cast<std::size_t>(place)] = 1;
      value[static_cast<std::size_t>(place)] = data[i];
    }
    return true;
  }
  [[nodiscard]] Octets peek(std::size_t skip, std::size_t most) const {
    const std::size_t ready = in_order();
    const std::size_t from = std::min(skip, ready);
    const std::size_t count = std::min(most, ready - from);
    return {value.begin() + static_cast<std::ptrdiff_t>(from),
            value.begin() + static_cast<std::ptrdiff_t>(from + count)};
  }
  void skip_to(Offset at) {
    if (at <= begin) return;
    const auto gone =
        static_cast<std::ptrdiff_t>(std::min(held.size(), static_cast<std::size_t>(at - begin)));
    held.erase(held.begin(), held.begin() + gone);
    value.erase(value.begin(), value.begin() + gone);
    begin = at;
  }
};

}  // namespace lastack_test
