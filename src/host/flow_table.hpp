// From a flow to what the host keeps about it: open addressing under a keyed hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/random.hpp"
#include "host/flow.hpp"

namespace lastack::host {

/// What a flow leads to: the kind of entry and its index, in 32 bits.
struct Handle {
  enum class Kind : std::uint8_t { connection, syn_rcvd, time_wait };
  Kind kind = Kind::connection;
  std::uint32_t index = 0;

  [[nodiscard]] constexpr std::uint32_t packed() const {
    return static_cast<std::uint32_t>(kind) << 30U | index;
  }
  [[nodiscard]] static constexpr Handle from(std::uint32_t packed) {
    return {static_cast<Kind>(packed >> 30U), packed & 0x3fffffffU};
  }
  friend constexpr bool operator==(const Handle&, const Handle&) = default;
};

/// The hash of a flow under a key; the first is the lower half of the second.
[[nodiscard]] std::uint32_t hash_of(const Flow& flow, const HashKey& key);
[[nodiscard]] std::uint64_t wide_hash_of(const Flow& flow, const HashKey& key);

/// A slot is a hash and a handle, 8 octets, at most three quarters of them taken. The flows
/// themselves stand in the entries: `same(handle)` says whether one is the flow that is looked for.
/// Probing is linear, and taking one out moves the ones behind it up, so that no tombstones pile
/// up.
class FlowTable {
 public:
  template <typename Same>
  [[nodiscard]] std::optional<Handle> find(std::uint32_t hash, Same same) const {
    if (slots_.empty()) return std::nullopt;
    for (std::size_t i = hash & mask();; i = (i + 1) & mask()) {
      if (slots_[i].handle == kEmpty) return std::nullopt;
      if (slots_[i].hash == hash && same(Handle::from(slots_[i].handle))) {
        return Handle::from(slots_[i].handle);
      }
    }
  }
  void insert(std::uint32_t hash, Handle handle);
  /// Takes out the slot that leads to `handle`; it must be there.
  void erase(std::uint32_t hash, Handle handle);
  /// Makes the slot that leads to `from` lead to `to`; it must be there.
  void replace(std::uint32_t hash, Handle from, Handle to);
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr std::uint32_t kEmpty = UINT32_MAX;
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t handle = kEmpty;
  };

  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] std::size_t slot_of(std::uint32_t hash, Handle handle) const;
  void grow();

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace lastack::host
