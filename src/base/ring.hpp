// A queue in one piece of memory that is used again and again.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

namespace lastack {

/// First in, first out. It grows by doubling and never shrinks, so that a steady flow through it
/// allocates nothing (std::deque takes and gives back a block every few elements). T is
/// default-constructible; what has left is replaced by a T{} where it could hold anything.
template <typename T>
class Ring {
 public:
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] T& front() { return places_[first_]; }
  [[nodiscard]] const T& front() const { return places_[first_]; }
  /// The i-th from the front; i < size().
  [[nodiscard]] const T& operator[](std::size_t i) const { return places_[(first_ + i) & mask_]; }
  void push_back(T&& value) { next_place() = std::move(value); }
  void push_back(const T& value) { next_place() = value; }
  /// A new one behind the last, in which something old may stand: to be filled by the caller.
  T& next_place() {
    if (size_ == places_.size()) grow();
    return places_[(first_ + size_++) & mask_];
  }
  T pop_front() {
    T value = std::move(places_[first_]);
    if constexpr (!std::is_trivially_destructible_v<T>) places_[first_] = T{};
    first_ = (first_ + 1) & mask_;
    --size_;
    return value;
  }

 private:
  void grow() {
    std::vector<T> larger(places_.empty() ? 8 : 2 * places_.size());
    for (std::size_t i = 0; i < size_; ++i) {
      larger[i] = std::move(places_[(first_ + i) & mask_]);
    }
    places_ = std::move(larger);
    mask_ = places_.size() - 1;
    first_ = 0;
  }

  std::vector<T> places_;  ///< none, or a power of two
  std::size_t mask_ = 0;   ///< their number less one
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace lastack
