#include "host/flow_table.hpp"

#include <array>
#include <bit>
#include <utility>

namespace lastack::host {
namespace {

// Octets of both addresses and both ports.
constexpr std::uint64_t kV4Octets = 12;
constexpr std::uint64_t kV6Octets = 36;

}  // namespace

std::uint32_t hash_of(const Flow& flow, const HashKey& key) {
  return static_cast<std::uint32_t>(wide_hash_of(flow, key));
}

std::uint64_t wide_hash_of(const Flow& flow, const HashKey& key) {
  using Words = std::array<std::uint64_t, 2>;
  const auto local = std::bit_cast<Words>(flow.local.address.mapped());
  const auto remote = std::bit_cast<Words>(flow.remote.address.mapped());
  const std::uint64_t ports = flow.local.port | std::uint64_t{flow.remote.port} << 16U;
  if (flow.local.address.is_v4() && flow.remote.address.is_v4()) {  // what tells them apart
    const std::array addresses{local[1] >> 32U | (remote[1] & ~std::uint64_t{0xffffffff})};
    return keyed_hash(key, addresses, ports | kV4Octets << 56U);
  }
  const std::array addresses{local[0], local[1], remote[0], remote[1]};
  return keyed_hash(key, addresses, ports | kV6Octets << 56U);
}

void FlowTable::insert(std::uint32_t hash, Handle handle) {
  if (4 * (size_ + 1) > 3 * slots_.size()) grow();
  std::size_t i = hash & mask();
  while (slots_[i].handle) i = (i + 1) & mask();
  slots_[i] = {hash, handle};
  ++size_;
}

std::size_t FlowTable::slot_of(std::uint32_t hash, Handle handle) const {
  std::size_t i = hash & mask();
  while (slots_[i].handle != handle) i = (i + 1) & mask();
  return i;
}

void FlowTable::replace(std::uint32_t hash, Handle from, Handle to) {
  slots_[slot_of(hash, from)].handle = to;
}

void FlowTable::erase(std::uint32_t hash, Handle handle) {
  std::size_t hole = slot_of(hash, handle);
  for (std::size_t i = (hole + 1) & mask(); slots_[i].handle; i = (i + 1) & mask()) {
    // It may move into the hole unless its own place lies behind that.
    const std::size_t home = slots_[i].hash & mask();
    if (((i - home) & mask()) < ((i - hole) & mask())) continue;
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole] = {};
  --size_;
}

void FlowTable::grow() {
  std::vector<Slot> old(slots_.empty() ? 16 : 2 * slots_.size());
  std::swap(old, slots_);
  for (const Slot& slot : old) {
    if (!slot.handle) continue;
    std::size_t i = slot.hash & mask();
    while (slots_[i].handle) i = (i + 1) & mask();
    slots_[i] = slot;
  }
}

}  // namespace lastack::host
