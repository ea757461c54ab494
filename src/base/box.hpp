// An owner that behaves like the value it owns.
#pragma once

#include <memory>
#include <utility>

namespace lastack {

/// Holds a T outside the object, or nothing: the rare parts of a connection live in one of these so
/// that an idle connection stays small. Copying copies the T, comparing compares it; unlike
/// std::unique_ptr it therefore keeps its owner a regular value.
template <typename T>
class Box {
 public:
  Box() = default;
  explicit Box(T value) : held_(std::make_unique<T>(std::move(value))) {}
  Box(const Box& other) : held_(other.held_ ? std::make_unique<T>(*other.held_) : nullptr) {}
  Box(Box&&) noexcept = default;
  Box& operator=(const Box& other) {
    if (this != &other) held_ = other.held_ ? std::make_unique<T>(*other.held_) : nullptr;
    return *this;
  }
  Box& operator=(Box&&) noexcept = default;
  ~Box() = default;

  [[nodiscard]] explicit operator bool() const { return held_ != nullptr; }
  [[nodiscard]] T& operator*() { return *held_; }
  [[nodiscard]] const T& operator*() const { return *held_; }
  [[nodiscard]] T* operator->() { return held_.get(); }
  [[nodiscard]] const T* operator->() const { return held_.get(); }

  /// The T, made first if there is none.
  T& ensure() {
    if (!held_) held_ = std::make_unique<T>();
    return *held_;
  }
  void reset() { held_.reset(); }

  friend bool operator==(const Box& a, const Box& b) {
    return (!a.held_ && !b.held_) || (a.held_ && b.held_ && *a.held_ == *b.held_);
  }

 private:
  std::unique_ptr<T> held_;
};

}  // namespace lastack
