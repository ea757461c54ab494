// A vector that grows by blocks: nothing moves, and at most one block stands empty.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace lastack {

/// Elements by index, in blocks of kBlock. For what there is one of for each connection: doubling,
/// as std::vector does, would leave up to half of the memory unused and copy all of it at once.
template <typename T, std::size_t kBlock = 64>
class BlockVector {
 public:
  BlockVector() = default;
  BlockVector(const BlockVector& other) : size_(other.size_) {
    blocks_.reserve(other.blocks_.size());
    for (const auto& block : other.blocks_) blocks_.push_back(std::make_unique<Block>(*block));
  }
  BlockVector& operator=(const BlockVector&) = delete;
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] T& operator[](std::size_t i) { return (*blocks_[i / kBlock])[i % kBlock]; }
  [[nodiscard]] const T& operator[](std::size_t i) const {
    return (*blocks_[i / kBlock])[i % kBlock];
  }
  /// A new element behind the last; its index.
  std::size_t push_back(T value) {
    if (size_ == blocks_.size() * kBlock) blocks_.push_back(std::make_unique<Block>());
    (*this)[size_] = std::move(value);
    return size_++;
  }

 private:
  using Block = std::array<T, kBlock>;
  std::vector<std::unique_ptr<Block>> blocks_;
  std::size_t size_ = 0;
};

}  // namespace lastack
