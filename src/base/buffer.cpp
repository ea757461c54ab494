#include "base/buffer.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <new>
#include <utility>

#include "base/copy.hpp"

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

/// Which of the sizes; one more than there are for what is larger than all of them.
std::size_t size_class(std::size_t octets) {
  return (octets > kSizes[0] ? 1U : 0U) + (octets > kSizes[1] ? 1U : 0U) +
         (octets > kSizes[2] ? 1U : 0U);
}

/// Blocks that packets lie in begin with a line of the caches. Tiny ones would be a quarter larger
/// for it.
constexpr std::align_val_t kLine{64};
bool is_aligned(std::size_t capacity) { return capacity > BufferPool::kTiny; }

Block* heap_block(std::size_t capacity) {
  const std::size_t octets = sizeof(Block) + capacity;
  void* const memory =
      is_aligned(capacity) ? ::operator new(octets, kLine) : ::operator new(octets);
  auto* const block = new (memory) Block;
  block->capacity = static_cast<std::uint32_t>(capacity);
  block->data = static_cast<std::byte*>(memory) + sizeof(Block);
  return block;
}

void free_heap_block(Block* block) {
  const std::size_t octets = sizeof(Block) + block->capacity;
  if (is_aligned(block->capacity)) {
    ::operator delete(block, octets, kLine);
  } else {
    ::operator delete(block, octets);
  }
}

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
  struct Size {
    Block* unused = nullptr;
    std::size_t blocks = 0;  ///< that exist, used and unused
    std::size_t kept = 0;    ///< of them unused
  };
  std::array<Size, kSizes.size() + 1> sizes{};  ///< the last one stays empty
  std::size_t keep = 0;                         ///< 0 once the pool is gone
  std::size_t kept = 0;                         ///< octets of unused blocks, heads included
  std::uint64_t allocated = 0;
  bool closed = false;  ///< the pool is gone: nothing is kept any more

  [[nodiscard]] std::size_t in_use() const {
    std::size_t sum = 0;
    for (const Size& size : sizes) sum += size.blocks - size.kept;
    return sum;
  }
};

namespace {

[[gnu::noinline]] void forget(PoolCore* core, Block* block) {
  --core->sizes[block->size_class].blocks;
  free_heap_block(block);
  if (core->closed && core->in_use() == 0) delete core;
}

[[gnu::noinline]] Block* new_block(std::size_t octets, PoolCore* home) {
  const std::size_t which = size_class(octets);
  if (which == kSizes.size()) return heap_block(octets);
  Block* const block = heap_block(kSizes[which]);
  if (home == nullptr || home->closed) return block;
  block->home = home;
  block->size_class = static_cast<std::uint8_t>(which);
  ++home->allocated;
  ++home->sizes[which].blocks;
  return block;
}

[[gnu::noinline]] void free_foreign_block(Block* block) {
  if (!block->adopted) return free_heap_block(block);
  auto* const adopted = static_cast<AdoptedBlock*>(block);
  adopted->release(adopted->owner);
  delete adopted;
}

}  // namespace

Block* allocate_block(std::size_t octets, PoolCore* home) {
  assert(octets <= UINT32_MAX);
  if (home == nullptr) return new_block(octets, home);
  PoolCore::Size& size = home->sizes[size_class(octets)];
  Block* const block = size.unused;
  if (block == nullptr) return new_block(octets, home);
  size.unused = next_of(block);
  __builtin_prefetch(size.unused);  // where many were let go of, it has left the caches since
  --size.kept;
  home->kept -= sizeof(Block) + block->capacity;
  mark_unused(block, false);
  block->references = 1;
  block->filled = 0;
  block->head = 0;
  return block;
}

void recycle(Block* block) noexcept {
  PoolCore* const home = block->home;
  if (home == nullptr) return free_foreign_block(block);
  const std::size_t kept = home->kept + sizeof(Block) + block->capacity;
  if (kept > home->keep) return forget(home, block);
  PoolCore::Size& size = home->sizes[block->size_class];
  next_of(block) = std::exchange(size.unused, block);
  mark_unused(block, true);
  ++size.kept;
  home->kept = kept;
}

BufferPool::BufferPool(std::size_t keep) : core_(new PoolCore) { core_->keep = keep; }
BufferPool::BufferPool(const BufferPool& other) : BufferPool(other.core_->keep) {}

BufferPool::~BufferPool() {
  core_->closed = true;
  core_->keep = 0;
  for (PoolCore::Size& size : core_->sizes) {
    size.blocks -= std::exchange(size.kept, 0);
    while (size.unused != nullptr) {
      Block* const block = size.unused;
      size.unused = next_of(block);
      mark_unused(block, false);
      free_heap_block(block);
    }
  }
  if (core_->in_use() == 0) delete core_;
}

std::size_t BufferPool::in_use() const { return core_->in_use(); }
std::size_t BufferPool::octets_in_use() const {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < kSizes.size(); ++i) {
    const PoolCore::Size& size = core_->sizes[i];
    sum += (size.blocks - size.kept) * (sizeof(Block) + kSizes[i]);
  }
  return sum;
}
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
  copy_octets(bytes.first(octets), room);
  grow(octets);
  return octets;
}

Slice Slice::with_header(std::span<const std::byte> header, std::uint32_t holders) const {
  if (!has_head() || block_->head < header.size() || block_->references > holders) return {};
  Slice all = *this;
  all.begin_ -= static_cast<std::uint32_t>(header.size());
  all.length_ += static_cast<std::uint32_t>(header.size());
  std::ranges::copy(header, block_->data + all.begin_);
  return all;
}

bool operator==(const Slice& a, const Slice& b) {
  if (a.size() != b.size()) return false;
  return a.empty() || a.data() == b.data() || std::memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace lastack
