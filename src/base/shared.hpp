// A value that many hold and nobody changes.
#pragma once

#include <cstdint>
#include <utility>

namespace lastack {

/// One pointer to a T that never changes, or nothing. Copying shares it; comparing compares the
/// values, so that an owner stays a regular value. Half the size of std::shared_ptr, which is why
/// it is here: every connection has one. Counts are not atomic: a host is one thread's,
/// and settings for another thread's host are another Shared.
template <typename T>
class Shared {
 public:
  Shared() = default;
  explicit Shared(T value) : held_(new Held(std::move(value))) {}
  Shared(const Shared& other) : held_(other.held_) {
    if (held_ != nullptr) ++held_->holders;
  }
  Shared(Shared&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  Shared& operator=(const Shared& other) {  // NOLINT(bugprone-unhandled-self-assignment): swapped
    Shared(other).swap(*this);
    return *this;
  }
  Shared& operator=(Shared&& other) noexcept {
    Shared(std::move(other)).swap(*this);
    return *this;
  }
  ~Shared() {
    if (held_ != nullptr && --held_->holders == 0) delete held_;
  }

  [[nodiscard]] explicit operator bool() const { return held_ != nullptr; }
  [[nodiscard]] const T& operator*() const { return held_->value; }
  [[nodiscard]] const T* operator->() const { return &held_->value; }
  void swap(Shared& other) noexcept { std::swap(held_, other.held_); }

  friend bool operator==(const Shared& a, const Shared& b) {
    return a.held_ == b.held_ || (a && b && *a == *b);
  }

 private:
  struct Held {
    explicit Held(T v) : value(std::move(v)) {}
    T value;
    std::uint32_t holders = 1;
  };
  Held* held_ = nullptr;
};

}  // namespace lastack
