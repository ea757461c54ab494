#include "host/flow_table.hpp"

#include <array>
#include <cstring>
#include <utility>

namespace lastack::host {

std::uint32_t hash_of(const Flow& flow, const HashKey& key) {
  std::array<std::byte, 36> octets{};
  const auto local = flow.local.address.bytes();
  const auto remote = flow.remote.address.bytes();
  std::memcpy(octets.data(), local.data(), local.size());
  std::memcpy(octets.data() + local.size(), remote.data(), remote.size());
  const std::size_t at = local.size() + remote.size();
  const std::array<std::uint16_t, 2> ports{flow.local.port, flow.remote.port};
  std::memcpy(octets.data() + at, ports.data(), sizeof ports);
  return static_cast<std::uint32_t>(keyed_hash(key, std::span(octets).first(at + sizeof ports)));
}

void FlowTable::insert(std::uint32_t hash, Handle handle) {
  if (4 * (size_ + 1) > 3 * slots_.size()) grow();
  std::size_t i = hash & mask();
  while (slots_[i].handle != kEmpty) i = (i + 1) & mask();
  slots_[i] = {hash, handle.packed()};
  ++size_;
}

std::size_t FlowTable::slot_of(std::uint32_t hash, Handle handle) const {
  std::size_t i = hash & mask();
  while (slots_[i].handle != handle.packed()) i = (i + 1) & mask();
  return i;
}

void FlowTable::replace(std::uint32_t hash, Handle from, Handle to) {
  slots_[slot_of(hash, from)].handle = to.packed();
}

void FlowTable::erase(std::uint32_t hash, Handle handle) {
  std::size_t hole = slot_of(hash, handle);
  for (std::size_t i = (hole + 1) & mask(); slots_[i].handle != kEmpty; i = (i + 1) & mask()) {
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
    if (slot.handle == kEmpty) continue;
    std::size_t i = slot.hash & mask();
    while (slots_[i].handle != kEmpty) i = (i + 1) & mask();
    slots_[i] = slot;
  }
}

}  // namespace lastack::host
