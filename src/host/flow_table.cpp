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
  if (4 * (size_ + 1) > 3 * kInLine * lines_.size()) grow();
  put(hash, handle);
  ++size_;
}

void FlowTable::put(std::uint32_t hash, Handle handle) {
  std::size_t i = home_of(hash);
  while (tag(i) != kFree) i = (i + 1) & mask();
  Line& line = line_of(i);
  line.tags[i % kInLine] = tag_of(hash);
  line.handles[i % kInLine] = handle;
  line.lower[i % kInLine] = Lower(hash);
}

std::size_t FlowTable::slot_of(std::uint32_t hash, Handle handle) const {
  std::size_t i = home_of(hash);
  while (line_of(i).handles[i % kInLine] != handle) i = (i + 1) & mask();
  return i;
}

void FlowTable::replace(std::uint32_t hash, Handle from, Handle to) {
  handle(slot_of(hash, from)) = to;
}

void FlowTable::erase(std::uint32_t hash, Handle handle) {
  std::size_t hole = slot_of(hash, handle);
  for (std::size_t i = (hole + 1) & mask(); tag(i) != kFree; i = (i + 1) & mask()) {
    // It may move into the hole unless its own place lies behind that.
    const std::size_t home = home_of(hash_at(i));
    if (((i - home) & mask()) < ((i - hole) & mask())) continue;
    move(i, hole);
    hole = i;
  }
  line_of(hole).tags[hole % kInLine] = kFree;
  this->handle(hole) = {};
  --size_;
}

void FlowTable::move(std::size_t from, std::size_t to) {
  const Line& source = line_of(from);
  Line& line = line_of(to);
  line.tags[to % kInLine] = source.tags[from % kInLine];
  line.handles[to % kInLine] = source.handles[from % kInLine];
  line.lower[to % kInLine] = source.lower[from % kInLine];
}

void FlowTable::grow() {
  FlowTable larger;
  larger.lines_.resize(lines_.empty() ? 2 : 2 * lines_.size());
  for (std::size_t i = 0; i < kInLine * lines_.size(); ++i) {
    if (tag(i) != kFree) larger.put(hash_at(i), handle(i));
  }
  larger.size_ = size_;
  *this = std::move(larger);
}

}  // namespace lastack::host
