#include "cli/bench_floor.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "cli/bench_world.hpp"
#include "wire/checksum.hpp"

namespace lastack::cli {
namespace {

constexpr std::size_t kRoomForHeaders = 128;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kLine = 64;  // of the caches: each packet begins with one
constexpr std::size_t kTotal = std::size_t{256} << 20U;  // octets moved in one measurement

/// The memory of a transfer, and the work that is left of it.
class Floor {
 public:
  Floor(std::size_t segment, std::size_t chunk, std::size_t buffer, bool checksums)
      : segment_(segment),
        checksums_(checksums),
        slot_((segment + kRoomForHeaders + kLine - 1) / kLine * kLine) {
    const std::size_t held = std::max(chunk, buffer / chunk * chunk);
    const std::size_t packets = kBenchBatch * slot_;
    memory_.assign(2 * chunk + held + packets + 8 * kPage, std::byte{1});
    from_ = next(chunk);
    buffer_ = next(held);
    packets_ = next(packets);
    into_ = next(chunk);
  }

  /// Moves one chunk; packets moved.
  std::size_t move() {
    std::memcpy(buffer_.data() + at_, from_.data(), from_.size());
    const std::size_t count = from_.size() / segment_;
    for (std::size_t i = 0; i < count; ++i) over_the_wire(i);
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(into_.data() + i * segment_, packet(i).data(), segment_);
    }
    at_ = (at_ + from_.size()) % buffer_.size();
    return count;
  }
  /// Something that depends on all of it, so that nothing of it can be left out.
  [[nodiscard]] unsigned result() const { return sum_ + std::to_integer<unsigned>(into_.back()); }

 private:
  /// Each begins a quarter of a page further on than the one before: copies between places of the
  /// same distance from a page's begin are slow on some machines, and the floor is the best case.
  std::span<std::byte> next(std::size_t octets) {
    const auto at = reinterpret_cast<std::uintptr_t>(memory_.data()) + used_;
    used_ += (kPage - at % kPage) + taken_++ * kPage / 4;
    const auto area = std::span(memory_).subspan(used_, octets);
    used_ += octets;
    return area;
  }
  [[nodiscard]] std::span<std::byte> packet(std::size_t i) {
    return packets_.subspan(i % kBenchBatch * slot_, segment_);
  }
  void over_the_wire(std::size_t i) {
    const auto octets = buffer_.subspan(at_ + i * segment_, segment_);
    if (checksums_) add(octets);
    std::memcpy(packet(i).data(), octets.data(), segment_);
    if (checksums_) add(packet(i));
  }
  void add(std::span<const std::byte> octets) {
    wire::Sum sum;
    sum.add(octets);
    sum_ += sum.folded();
  }

  std::size_t segment_;
  bool checksums_;
  std::size_t slot_;  ///< octets between the begins of two packets
  std::vector<std::byte> memory_;
  std::size_t used_ = 0;
  std::size_t taken_ = 0;
  std::span<std::byte> from_;
  std::span<std::byte> buffer_;
  std::span<std::byte> packets_;
  std::span<std::byte> into_;
  std::size_t at_ = 0;
  unsigned sum_ = 0;
};

}  // namespace

double floor_ns_per_packet(std::size_t segment, std::size_t chunk, std::size_t buffer,
                           bool checksums) {
  Floor floor(segment, std::max(chunk, segment), buffer, checksums);
  for (int i = 0; i < 100; ++i) (void)floor.move();
  std::size_t packets = 0;
  const std::int64_t before = cpu_ns();
  while (packets * segment < kTotal) packets += floor.move();
  const auto ns = static_cast<double>(cpu_ns() - before);
  const volatile unsigned result = floor.result();
  (void)result;
  return ns / static_cast<double>(packets);
}

}  // namespace lastack::cli
