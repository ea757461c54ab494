#include "base/buffer.hpp"

#include <cstring>

namespace lastack {
namespace {

Block* new_block(std::size_t capacity) {
  void* memory = ::operator new(sizeof(Block) + capacity);
  auto* block = new (memory) Block;
  block->capacity = static_cast<std::uint32_t>(capacity);
  return block;
}

void delete_block(Block* block) {
  block->~Block();
  ::operator delete(block);
}

}  // namespace

Slice::~Slice() {
  if (block_ == nullptr || --block_->references > 0) return;
  if (block_->home != nullptr) {
    block_->home->give_back(block_);
  } else {
    delete_block(block_);
  }
}

Slice Slice::allocate(std::size_t capacity, BufferPool* pool) {
  return {pool != nullptr ? pool->take(capacity) : new_block(capacity), 0, 0};
}

Slice Slice::copy_of(std::span<const std::byte> octets, BufferPool* pool) {
  Slice slice = allocate(octets.size(), pool);
  if (!octets.empty()) std::memcpy(slice.tail_room().data(), octets.data(), octets.size());
  slice.grow(octets.size());
  return slice;
}

BufferPool::~BufferPool() {
  for (FreeList& list : free_) {
    while (list.first != nullptr) {
      Block* next = nullptr;
      std::memcpy(&next, list.first->data(), sizeof next);
      delete_block(std::exchange(list.first, next));
    }
  }
}

Block* BufferPool::take(std::size_t capacity) {
  ++in_use_;
  std::size_t c = 0;
  while (c < kClasses && kSizes[c] < capacity) ++c;
  if (c < kClasses && free_[c].first != nullptr) {
    Block* block = free_[c].first;
    std::memcpy(&free_[c].first, block->data(), sizeof block);
    --free_[c].count;
    block->references = 1;
    block->filled = 0;
    return block;
  }
  ++allocated_;
  Block* block = new_block(c < kClasses ? kSizes[c] : capacity);
  block->home = this;
  return block;
}

void BufferPool::give_back(Block* block) {
  --in_use_;
  for (std::size_t c = 0; c < kClasses; ++c) {
    if (block->capacity != kSizes[c] || free_[c].count == kMostKept) continue;
    std::memcpy(block->data(), &free_[c].first, sizeof block);
    free_[c].first = block;
    ++free_[c].count;
    return;
  }
  delete_block(block);
}

}  // namespace lastack
