// Standard input and output beside a host in one loop: neither may ever hold the host up.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "io/event_loop.hpp"

namespace lastack::cli {

/// Descriptors 0 to 2 are there: a device must not become standard output because it was closed.
void hold_standard_descriptors();

/// Standard input. What was read waits here until it is taken, and no more is read before that.
class StandardInput {
 public:
  explicit StandardInput(io::EventLoop& loop);
  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;
  ~StandardInput() { close(); }

  /// What waits to be taken, read now where nothing did; empty where there is nothing to read yet.
  std::span<const std::byte> next();
  void take(std::size_t n) { from_ += n; }
  /// All was read and taken, or nothing more is wanted.
  [[nodiscard]] bool ended() const { return ended_; }
  /// Nothing more is wanted.
  void close();

 private:
  void watch();

  io::EventLoop* loop_;
  std::array<std::byte, 65536> octets_{};
  std::size_t from_ = 0;
  std::size_t size_ = 0;
  bool ready_ = false;
  bool watched_ = false;
  bool ended_ = false;
};

/// Standard output. What it does not take at once waits here.
class StandardOutput {
 public:
  explicit StandardOutput(io::EventLoop& loop);
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;
  ~StandardOutput();

  /// Whether nothing waits: only then put().
  [[nodiscard]] bool empty() const { return waiting_.empty(); }
  void put(std::span<const std::byte> octets);
  /// Writes of what waits as much as it takes; how much that was.
  std::size_t flush();
  /// Nobody reads it any more, or it can't be written to: error() says why, 0 for a reader's end.
  [[nodiscard]] bool gone() const { return gone_; }
  [[nodiscard]] int error() const { return error_; }

 private:
  enum class Kind : std::uint8_t { file, socket, unblocking, blocking };

  std::size_t write(std::span<const std::byte> octets);
  void watch();
  void look();

  io::EventLoop* loop_;
  std::vector<std::byte> waiting_;
  Kind kind_ = Kind::file;
  int descriptor_;  ///< of its own where its kind is unblocking
  bool watched_ = false;
  bool gone_ = false;
  int error_ = 0;
};

}  // namespace lastack::cli
