// The stream buffers as plainly as they can be said: octets in vectors, and a list of calls.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
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
  std::vector<bool> held;

  [[nodiscard]] std::size_t in_order() const {
    return static_cast<std::size_t>(std::find(held.begin(), held.end(), false) - held.begin());
  }
  /// Ranges held beyond the first gap.
  [[nodiscard]] std::vector<Range> ahead() const {
    std::vector<Range> found;
    for (std::size_t i = in_order(); i < held.size(); ++i) {
      const Offset at = begin + static_cast<Offset>(i);
      if (!held[i]) continue;
      if (found.empty() || found.back().end != at) found.push_back({at, at});
      ++found.back().end;
    }
    return found;
  }
  /// Whether the octets touch what is held ahead, or the in-order end.
  [[nodiscard]] bool touches(Range fresh) const {
    if (fresh.begin <= begin + static_cast<Offset>(in_order())) return true;
    return std::ranges::any_of(
        ahead(), [&](const Range& r) { return fresh.begin <= r.end && r.begin <= fresh.end; });
  }
  bool insert(Offset at, const Octets& data, std::size_t most_ahead) {
    const Offset end = at + static_cast<Offset>(data.size());
    if (data.empty() || end <= begin) return true;
    if (!touches({at, end}) && ahead().size() == most_ahead) return false;
    const auto size = static_cast<std::size_t>(end - begin);
    if (held.size() < size) {
      held.resize(size, false);
      value.resize(size);
    }
    for (std::size_t i = 0; i < data.size(); ++i) {
      const Offset place = at + static_cast<Offset>(i) - begin;
      if (place < 0 || held[static_cast<std::size_t>(place)]) continue;
      held[static_cast<std::size_t>(place)] = true;
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
