// Packets on their way from the host that they arrived at to the host, on another thread, whose
// they are.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/buffer.hpp"

namespace lastack::io {

/// A ring from each thread to each other one, of one writer and one reader: nobody waits for
/// anybody. A packet is copied to memory that nobody else holds, since a host's own is not to be
/// shared. What comes while a ring is full is dropped, as by any queue on the way.
class Handover {
 public:
  static constexpr std::size_t kPlaces = 1024;  ///< packets that may wait in one ring

  explicit Handover(std::size_t hosts);
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;
  ~Handover();

  /// By the thread of `from`. False where the packet was dropped.
  bool give(std::size_t from, std::size_t to, const Slice& packet);
  /// By the thread of `to`: appends all that was given; how many.
  std::size_t take(std::size_t to, std::vector<Slice>& into);
  /// Readable while there may be something to take.
  [[nodiscard]] int descriptor(std::size_t to) const { return inboxes_[to].descriptor; }
  [[nodiscard]] std::size_t hosts() const { return inboxes_.size(); }

 private:
  static constexpr std::size_t kLine = 64;  ///< octets of a cache line: no two threads write to one

  struct Lane {
    alignas(kLine) std::atomic<std::uint32_t> written{0};
    alignas(kLine) std::atomic<std::uint32_t> read{0};
    alignas(kLine) std::array<Slice, kPlaces> places;
  };
  struct alignas(kLine) Inbox {
    int descriptor = -1;
    std::atomic<bool> told{false};  ///< the descriptor is readable, or is about to be
  };
  [[nodiscard]] Lane& lane(std::size_t from, std::size_t to) {
    return *lanes_[from * inboxes_.size() + to];
  }

  std::vector<Inbox> inboxes_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace lastack::io
