// What a host keeps for each connection, handshake, TIME_WAIT and listener.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "host/flow.hpp"
#include "host/history.hpp"
#include "host/timing_wheel.hpp"
#include "tcp/connection.hpp"
#include "tcp/listener.hpp"
#include "tcp/stream/receive_buffer.hpp"
#include "tcp/stream/send_buffer.hpp"
#include "tcp/syn_rcvd.hpp"
#include "tcp/time_wait.hpp"

namespace lastack::host {

inline constexpr std::uint32_t kNobody = UINT32_MAX;

struct ConnectionEntry {
  Flow flow;
  tcp::Connection connection;
  tcp::SendBuffer out;
  tcp::ReceiveBuffer in;
  History history;
  TimerId timer = kNoTimer;
  std::uint32_t listener = kNobody;  ///< who may still accept it
  bool in_table = false;
  bool dirty = false;  ///< stands in the queue of those that may send
  bool held = false;   ///< somebody has its id
};

struct SynRcvdEntry {
  Flow flow;
  tcp::SynRcvd record;
  TimerId timer = kNoTimer;
  std::uint32_t listener = kNobody;
  bool dirty = false;
};
static_assert(sizeof(SynRcvdEntry) <= 128);

struct TimeWaitEntry {
  Flow flow;
  tcp::TimeWait record;
  TimePoint since{};
  TimerId timer = kNoTimer;
  bool dirty = false;
};

struct ListenerEntry {
  Endpoint local;
  tcp::Listener listener;
  std::shared_ptr<const tcp::Settings> settings;
  std::deque<std::uint32_t> accept_queue;  ///< connections, the oldest first
  std::uint32_t backlog = 0;
  std::uint32_t handshakes = 0;
  std::uint32_t generation = 0;
  TimePoint since{};
  bool in_use = false;
};

/// Entries that keep their place and index for as long as they live.
template <typename T>
class Slab {
 public:
  std::uint32_t make(T value) {
    if (free_.empty()) {
      cells_.push_back({std::make_unique<T>(std::move(value)), 0});
      return static_cast<std::uint32_t>(cells_.size() - 1);
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    cells_[index].value = std::make_unique<T>(std::move(value));
    return index;
  }
  void drop(std::uint32_t index) {
    cells_[index].value.reset();
    ++cells_[index].generation;
    free_.push_back(index);
  }
  [[nodiscard]] T& operator[](std::uint32_t index) { return *cells_[index].value; }
  [[nodiscard]] const T& operator[](std::uint32_t index) const { return *cells_[index].value; }
  [[nodiscard]] bool has(std::uint32_t index) const {
    return index < cells_.size() && cells_[index].value != nullptr;
  }
  [[nodiscard]] std::uint32_t generation(std::uint32_t index) const {
    return cells_[index].generation;
  }
  /// Stale ids find nothing from now on; the entry stays.
  void forget_ids(std::uint32_t index) { ++cells_[index].generation; }
  [[nodiscard]] std::size_t size() const { return cells_.size() - free_.size(); }
  template <typename Visit>
  void each_index(Visit visit) const {
    for (std::uint32_t i = 0; i < cells_.size(); ++i) {
      if (cells_[i].value) visit(i, *cells_[i].value);
    }
  }
  template <typename Visit>
  void each(Visit visit) const {
    each_index([&visit](std::uint32_t, const T& value) { visit(value); });
  }

 private:
  struct Cell {
    std::unique_ptr<T> value;
    std::uint32_t generation = 0;
  };
  std::vector<Cell> cells_;
  std::vector<std::uint32_t> free_;
};

}  // namespace lastack::host
