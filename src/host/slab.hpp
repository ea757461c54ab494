// Entries in blocks: found by index, made and dropped without asking the allocator each time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "host/strides.hpp"

namespace lastack::host {

/// Entries that keep their place and index for as long as they live. A place that is given back is
/// the next to be taken; its generation tells a stale index from a fresh one. Blocks stay until the
/// slab goes.
template <typename T>
class Slab {
 public:
  Slab() = default;
  /// Entries have the same indices and generations there.
  Slab(const Slab& other) : places_(other.places_), free_(other.free_), size_(other.size_) {
    blocks_.reserve(other.blocks_.size());
    for (const auto& block : other.blocks_) {
      blocks_.push_back(std::make_unique_for_overwrite<Block>());
      blocks_.back()->generations = block->generations;
    }
    for (std::uint32_t i = 0; i < places_; ++i) {
      if (has(i)) {
        std::construct_at(&place(i).value, other[i]);
      } else {
        place(i).next_free = other.place(i).next_free;
      }
    }
  }
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    each_index([this](std::uint32_t i, const T&) { std::destroy_at(&place(i).value); });
  }

  /// The index of a new entry, which is what `made()` returns; made where it stays.
  template <typename Made>
  std::uint32_t make_by(Made made) {
    if (free_ == kNone) add_block();
    const std::uint32_t index = free_;
    Place& place = this->place(index);
    free_ = place.next_free;
    ::new (static_cast<void*>(&place.value)) T(made());
    ++generation_of(index);
    ++size_;
    return index;
  }
  /// The index of a new entry that holds `value`.
  std::uint32_t make(T&& value) {
    return make_by([&]() -> T&& { return std::move(value); });
  }
  void drop(std::uint32_t index) {
    Place& place = this->place(index);
    std::destroy_at(&place.value);
    if (index == found_index_) found_ = nullptr;
    place.next_free = std::exchange(free_, index);
    ++generation_of(index);
    --size_;
  }
  [[nodiscard]] T& operator[](std::uint32_t index) { return place(index).value; }
  [[nodiscard]] const T& operator[](std::uint32_t index) const { return place(index).value; }
  /// The entry at `index`, if there is one, is used soon: all of it may come into the caches
  /// meanwhile.
  void expect(std::uint32_t index) const {
    if (index < places_) fetch(&place(index));
  }
  /// Odd while there is an entry at `index`; another one each time it comes and goes.
  [[nodiscard]] std::uint32_t generation(std::uint32_t index) const {
    return blocks_[index / kBlock]->generations[index % kBlock];
  }
  [[nodiscard]] bool has(std::uint32_t index) const {
    return index < places_ && generation(index) % 2 != 0;
  }
  /// The entry at `index`, where it is still the one that had this generation; else null.
  [[nodiscard]] T* find(std::uint32_t index, std::uint32_t generation) {
    if (found_ != nullptr && index == found_index_ && generation == found_generation_)
      return found_;
    T* const found = find_if(index, [generation](std::uint32_t now) { return now == generation; });
    if (found != nullptr) remember(found, index, generation);
    return found;
  }
  /// The entry at `index`; null where there is none.
  [[nodiscard]] T* find(std::uint32_t index) {
    if (found_ != nullptr && index == found_index_) return found_;
    return find_if(index, [](std::uint32_t now) { return now % 2 != 0; });
  }
  /// Stale ids find nothing from now on; the entry stays.
  void forget_ids(std::uint32_t index) {
    generation_of(index) += 2;
    if (index == found_index_) found_ = nullptr;
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  template <typename Visit>
  void each_index(Visit visit) const {
    for (std::uint32_t i = 0; i < places_; ++i) {
      if (has(i)) visit(i, (*this)[i]);
    }
  }
  template <typename Visit>
  void each(Visit visit) const {
    each_index([&visit](std::uint32_t, const T& value) { visit(value); });
  }

 private:
  static constexpr std::uint32_t kBlock = 64;
  static constexpr std::uint32_t kNone = UINT32_MAX;

  union Place {
    Place() : next_free(kNone) {}
    ~Place() {}  // the slab knows whether there is a value
    T value;
    std::uint32_t next_free;
  };
  struct Block {
    std::array<Place, kBlock> places;
    std::array<std::uint32_t, kBlock> generations{};
  };

  /// The place's value, where there is such a place and its generation is as wanted.
  template <typename Wanted>
  [[nodiscard]] T* find_if(std::uint32_t index, Wanted wanted) {
    if (index >= places_) return nullptr;
    Block& block = *blocks_[index / kBlock];
    const std::uint32_t at = index % kBlock;
    return wanted(block.generations[at]) ? &block.places[at].value : nullptr;
  }
  static void fetch(const void* entry) {
    constexpr std::size_t kLine = 64;
    const auto* const octets = static_cast<const std::byte*>(entry);
    for (std::size_t at = 0; at < sizeof(Place); at += kLine) __builtin_prefetch(octets + at);
    __builtin_prefetch(octets + sizeof(Place) - 1);
  }
  void remember(T* found, std::uint32_t index, std::uint32_t generation) {
    found_ = found;
    found_index_ = index;
    found_generation_ = generation;
    asked_.take(index);
    if (asked_.steady()) expect(asked_.next(2));
  }
  [[nodiscard]] Place& place(std::uint32_t index) {
    return blocks_[index / kBlock]->places[index % kBlock];
  }
  [[nodiscard]] const Place& place(std::uint32_t index) const {
    return blocks_[index / kBlock]->places[index % kBlock];
  }
  [[nodiscard]] std::uint32_t& generation_of(std::uint32_t index) {
    return blocks_[index / kBlock]->generations[index % kBlock];
  }
  void add_block() {
    const std::uint32_t first = std::exchange(places_, places_ + kBlock);
    blocks_.push_back(std::make_unique<Block>());
    for (std::uint32_t i = kBlock; i-- > 0;) {
      place(first + i).next_free = std::exchange(free_, first + i);
    }
  }

  std::vector<std::unique_ptr<Block>> blocks_;
  std::uint32_t places_ = 0;  ///< in all blocks
  std::uint32_t free_ = kNone;
  std::size_t size_ = 0;
  T* found_ = nullptr;  ///< the last one that was found by its generation: it is asked for again
  std::uint32_t found_index_ = 0;
  std::uint32_t found_generation_ = 0;
  Strides asked_;  ///< of those that were found so
};

}  // namespace lastack::host
