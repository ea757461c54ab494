#include "base/buffer.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define LASTACK_ASAN 1
#elif defined(__has_feature)
#define LASTACK_ASAN __has_feature(address_sanitizer)
#endif
#if LASTACK_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace lastack {

namespace {

constexpr std::array<std::size_t, 3> kSizes{BufferPool::kTiny, BufferPool::kSmall,
                                            BufferPool::kLarge};

/// What an adopted block has besides: whom to tell when the last slice is gone.
struct AdoptedBlock : Block {
  void* owner = nullptr;
  void (*release)(void*) = nullptr;
};

std::size_t size_class(std::size_t octets) {
  return octets <= kSizes[0] ? 0 : octets <= kSizes[1] ? 1 : 2;
}

Block* heap_block(std::size_t capacity) {
  void* const memory = ::operator new(sizeof(Block) + capacity);
  auto* const block = new (memory) Block;
  block->capacity = static_cast<std::uint32_t>(capacity);
  block->data = static_cast<std::byte*>(memory) + sizeof(Block);
  return block;
}

void free_heap_block(Block* block) { ::operator delete(block, sizeof(Block) + block->capacity); }

/// An unused block in a pool is as good as freed: AddressSanitizer shall say so where one is read.
void mark_unused([[maybe_unused]] Block* block, [[maybe_unused]] bool unused) {
#if LASTACK_ASAN
  std::byte* const octets = block->data + sizeof(Block*);
  const std::size_t length = block->capacity - sizeof(Block*);
  unused ? __asan_poison_memory_region(octets, length)
         : __asan_unpoison_memory_region(octets, length);
#endif
}

/// The list of unused blocks goes through their payload areas.
Block*& next_of(Block* block) { return *static_cast<Block**>(static_cast<void*>(block->data)); }

}  // namespace

/// The part of a pool that its blocks know. It lives until the pool and the last block are gone.
struct PoolCore {
  std::array<Block*, kSizes.size()> unused{};
  std::size_t keep = 0;
  std::size_t kept = 0;           ///< octets of unused blocks, heads included; at most `keep`
  std::size_t in_use = 0;         ///< blocks
  std::size_t octets_in_use = 0;  ///< their octets, heads included
  std::uint64_t allocated = 0;
  bool closed = false;  ///< the pool is gone: nothing is kept any more
};

namespace {

void forget(PoolCore* core, Block* block) {
  free_heap_block(block);
  if (core->closed && core->in_use == 0) delete core;
}

}  // namespace

Block* allocate_block(std::size_t octets, PoolCore* home) {
  assert(octets <= UINT32_MAX);
  const std::size_t which = size_class(octets);
  if (octets > kSizes.back() || home == nullptr || home->closed) {
    return heap_block(octets > kSizes.back() ? octets : kSizes[which]);
  }
  Block*& unused = home->unused[which];
  Block* block = unused;
  const std::size_t length = sizeof(Block) + kSizes[which];
  if (block == nullptr) {
    block = heap_block(kSizes[which]);
    block->home = home;
    ++home->allocated;
  } else {
    unused = next_of(block);
    mark_unused(block, false);
    block->references = 1;
    block->filled = 0;
    home->kept -= length;
  }
  ++home->in_use;
  home->octets_in_use += length;
  return block;
}

void recycle(Block* block) noexcept {
  if (block->adopted) {
    auto* const adopted = static_cast<AdoptedBlock*>(block);
    adopted->release(adopted->owner);
    delete adopted;
    return;
  }
  PoolCore* const home = block->home;
  if (home == nullptr) return free_heap_block(block);
  const std::size_t length = sizeof(Block) + block->capacity;
  --home->in_use;
  home->octets_in_use -= length;
  if (home->closed || home->kept + length > home->keep) return forget(home, block);
  Block*& unused = home->unused[size_class(block->capacity)];
  next_of(block) = unused;
  unused = block;
  mark_unused(block, true);
  home->kept += length;
}

BufferPool::BufferPool(std::size_t keep) : core_(new PoolCore) { core_->keep = keep; }

BufferPool::~BufferPool() {
  core_->closed = true;
  for (Block*& list : core_->unused) {
    while (list != nullptr) {
      Block* const block = list;
      list = next_of(block);
      mark_unused(block, false);
      free_heap_block(block);
    }
  }
  if (core_->in_use == 0) delete core_;
}

std::size_t BufferPool::in_use() const { return core_->in_use; }
std::size_t BufferPool::octets_in_use() const { return core_->octets_in_use; }
std::uint64_t BufferPool::allocated() const { return core_->allocated; }

Slice Slice::adopt(std::span<const std::byte> bytes, void* owner, void (*release)(void*)) {
  assert(bytes.size() <= UINT32_MAX);
  auto* const block = new AdoptedBlock;
  block->capacity = block->filled = static_cast<std::uint32_t>(bytes.size());
  block->adopted = true;
  // Never written to: its end is the end of its area, so there is no room.
  block->data = const_cast<std::byte*>(bytes.data());
  block->owner = owner;
  block->release = release;
  return {block, 0, bytes.size()};
}

std::size_t Slice::extend(std::span<const std::byte> bytes) {
  const auto room = tail_room();
  const std::size_t octets = std::min(room.size(), bytes.size());
  if (octets == 0) return 0;
  std::memcpy(room.data(), bytes.data(), octets);
  grow(octets);
  return octets;
}

bool operator==(const Slice& a, const Slice& b) {
  if (a.size() != b.size()) return false;
  return a.empty() || a.data() == b.data() || std::memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace lastack
