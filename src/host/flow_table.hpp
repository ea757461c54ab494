// From a flow to what the host keeps about it: open addressing under a keyed hash.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "host/flow.hpp"

namespace lastack::host {

/// What a flow leads to: the kind of entry and its index, in 32 bits; or nothing.
class Handle {
 public:
  enum class Kind : std::uint8_t { connection, syn_rcvd, time_wait };

  /// To nothing.
  constexpr Handle() = default;
  constexpr Handle(Kind kind, std::uint32_t index)
      : packed_(static_cast<std::uint32_t>(kind) << kKindAt | index) {}
  [[nodiscard]] static constexpr Handle from(std::uint32_t packed) {
    Handle handle;
    handle.packed_ = packed;
    return handle;
  }

  [[nodiscard]] constexpr explicit operator bool() const { return packed_ != kNothing; }
  [[nodiscard]] constexpr Kind kind() const { return static_cast<Kind>(packed_ >> kKindAt); }
  [[nodiscard]] constexpr std::uint32_t index() const {
    return packed_ & ((std::uint32_t{1} << kKindAt) - 1);
  }
  [[nodiscard]] constexpr std::uint32_t packed() const { return packed_; }
  friend constexpr bool operator==(const Handle&, const Handle&) = default;

 private:
  static constexpr std::uint32_t kNothing = UINT32_MAX;
  static constexpr unsigned kKindAt = 30;
  std::uint32_t packed_ = kNothing;
};

/// The hash of a flow under a key; the first is the lower half of the second.
[[nodiscard]] std::uint32_t hash_of(const Flow& flow, const HashKey& key);
[[nodiscard]] std::uint64_t wide_hash_of(const Flow& flow, const HashKey& key);

/// Hashes of flows under a key, of which the last is remembered: comparing takes a tenth.
class RememberedHash {
 public:
  explicit RememberedHash(const HashKey& key) : key_(key), hash_(hash_of({}, key)) {}
  std::uint32_t of(const Flow& flow) {
    if (flow == flow_) return hash_;
    flow_ = flow;
    return hash_ = hash_of(flow, key_);
  }

 private:
  HashKey key_;
  Flow flow_;
  std::uint32_t hash_;
};

/// A slot is a handle and 31 bits of its hash, of which the upper 7 are its tag: 8 octets, at most
/// three quarters of them taken. The flows themselves stand in the entries: `same(handle)` says
/// whether one is the flow that is looked for. Probing is linear, and taking one out moves the ones
/// behind it up, so that no tombstones pile up. Eight slots share a line of the caches: where there
/// are many flows, it is the only one of the table that most look-ups wait for.
class FlowTable {
 public:
  template <typename Same>
  [[nodiscard]] Handle find(std::uint32_t hash, Same same) const {
    if (lines_.empty()) return {};
    const std::uint8_t tag = tag_of(hash);
    for (std::size_t i = home_of(hash);; i = (i + 1) & mask()) {
      const Line& line = line_of(i);
      const std::uint8_t its = line.tags[i % kInLine];
      if (its == tag && same(line.handles[i % kInLine])) return line.handles[i % kInLine];
      if (its == kFree) return {};
    }
  }
  void insert(std::uint32_t hash, Handle handle);
  /// Takes out the slot that leads to `handle`; it must be there.
  void erase(std::uint32_t hash, Handle handle);
  /// Makes the slot that leads to `from` lead to `to`; it must be there.
  void replace(std::uint32_t hash, Handle from, Handle to);
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr std::uint8_t kFree = 0;
  static constexpr std::uint8_t kTaken = 0x80;  ///< in a tag
  static constexpr unsigned kTagAt = 24;        ///< of a hash: what lies below is kept beside it
  static constexpr std::uint32_t kKept = UINT32_MAX >> 1U;  ///< of a hash

  /// The bits of a hash below its tag.
  class Lower {
   public:
    Lower() = default;
    explicit Lower(std::uint32_t hash)
        : octets_{static_cast<std::uint8_t>(hash), static_cast<std::uint8_t>(hash >> 8U),
                  static_cast<std::uint8_t>(hash >> 16U)} {}
    [[nodiscard]] std::uint32_t bits() const {
      return octets_[0] | std::uint32_t{octets_[1]} << 8U | std::uint32_t{octets_[2]} << 16U;
    }

   private:
    std::array<std::uint8_t, 3> octets_{};
  };

  static constexpr std::size_t kInLine = 8;
  struct alignas(64) Line {
    std::array<std::uint8_t, kInLine> tags{};
    std::array<Handle, kInLine> handles{};
    std::array<Lower, kInLine> lower{};
  };
  static_assert(sizeof(Line) == 64);

  /// Of the upper bits: the lower ones say where to look.
  [[nodiscard]] static std::uint8_t tag_of(std::uint32_t hash) {
    return static_cast<std::uint8_t>(hash >> kTagAt | kTaken);
  }
  /// All that is kept of the hash in a slot that is taken: its home in a table of any size.
  [[nodiscard]] std::uint32_t hash_at(std::size_t slot) const {
    return (std::uint32_t{tag(slot)} << kTagAt & kKept) |
           line_of(slot).lower[slot % kInLine].bits();
  }
  [[nodiscard]] std::size_t mask() const { return kInLine * lines_.size() - 1; }
  [[nodiscard]] std::size_t home_of(std::uint32_t hash) const { return hash & kKept & mask(); }
  [[nodiscard]] const Line& line_of(std::size_t slot) const { return lines_[slot / kInLine]; }
  [[nodiscard]] Line& line_of(std::size_t slot) { return lines_[slot / kInLine]; }
  [[nodiscard]] std::uint8_t tag(std::size_t slot) const {
    return line_of(slot).tags[slot % kInLine];
  }
  [[nodiscard]] Handle& handle(std::size_t slot) { return line_of(slot).handles[slot % kInLine]; }
  void move(std::size_t from, std::size_t to);
  void put(std::uint32_t hash, Handle handle);
  [[nodiscard]] std::size_t slot_of(std::uint32_t hash, Handle handle) const;
  void grow();

  std::vector<Line> lines_;
  std::size_t size_ = 0;
};

}  // namespace lastack::host
