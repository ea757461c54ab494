// Random calls on the stream buffers, each compared with the plain reference. The random test and
// the fuzzer differ only in where the numbers come from.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "tcp/stream/receive_buffer.hpp"
#include "tcp/stream/reference.hpp"
#include "tcp/stream/send_buffer.hpp"

namespace lastack_test {

/// Numbers from a seed.
class Seeded {
 public:
  explicit Seeded(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15U | 1U) {}
  /// In [0, n).
  std::uint32_t below(std::uint32_t n) {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    return static_cast<std::uint32_t>((state_ >> 32U) * n >> 32U);
  }
  [[nodiscard]] bool done() const { return false; }

 private:
  std::uint64_t state_;
};

/// Numbers from a fuzzer's octets.
class FromOctets {
 public:
  explicit FromOctets(std::span<const std::uint8_t> octets) : octets_(octets) {}
  std::uint32_t below(std::uint32_t n) {
    std::uint32_t value = 0;
    for (std::uint32_t reach = 1; reach < n && !octets_.empty(); reach = reach << 8U) {
      value = value << 8U | octets_.front();
      octets_ = octets_.subspan(1);
      if (reach > 0xffffffU / 256) break;
    }
    return value % n;
  }
  [[nodiscard]] bool done() const { return octets_.empty(); }

 private:
  std::span<const std::uint8_t> octets_;
};

/// What both kinds of buffer need: numbers, octets, slices of all kinds, and a log of what was
/// called last.
template <typename Numbers>
class Calls {
 public:
  explicit Calls(Numbers numbers) : numbers_(std::move(numbers)) {}

  [[nodiscard]] bool done() const { return numbers_.done(); }
  /// Empty while all agrees; else what did not, and the calls before it.
  [[nodiscard]] const std::string& failure() const { return failure_; }

 protected:
  std::uint32_t below(std::uint32_t n) { return n == 0 ? 0 : numbers_.below(n); }
  bool one_in(std::uint32_t n) { return below(n) == 0; }

  /// Octets no two calls have in common: a wrong one is seen.
  Octets fresh(std::size_t size) {
    Octets octets(size);
    for (auto& octet : octets)
      octet = static_cast<std::uint8_t>((mix_ += 0x9e3779b97f4a7c15U) >> 56U);
    return octets;
  }
  std::uint32_t some_size() {
    if (one_in(400)) return below(90000);
    if (one_in(10)) return below(3000);
    return one_in(3) ? below(4) : below(200);
  }
  /// `octets` in memory of one kind or another: the slice may be a small part of what it pins.
  Slice slice_of(const Octets& octets) {
    switch (below(4)) {
      case 0: return Slice::adopt(Octets(octets));
      case 1: return Slice::copy_of(bytes_of(octets));
      case 2: return Slice::copy_of(bytes_of(octets), &pool_);
      default: break;
    }
    const std::size_t before = below(60);
    Slice frame = Slice::allocate(one_in(3) ? 60000 : 1600, &pool_);
    frame.extend(bytes_of(fresh(before)));
    frame.extend(bytes_of(octets));
    if (one_in(3)) frame.extend(bytes_of(fresh(below(20))));
    Slice payload = frame.sub(before, octets.size());
    return payload.size() == octets.size() ? payload : Slice::copy_of(bytes_of(octets), &pool_);
  }

  void log(const char* what, Offset a = 0, Offset b = 0) {
    calls_.push_back({what, a, b});
    if (calls_.size() > 20) calls_.pop_front();
    ++count_;
  }
  void agree(bool same, const char* what) {
    if (same || !failure_.empty()) return;
    failure_ = "call " + std::to_string(count_) + ": " + what + " differs; last calls:";
    for (const Call& call : calls_) {
      failure_ += std::string("\n  ") + call.what + ' ';
      failure_ += std::to_string(call.a) + ' ' + std::to_string(call.b);
    }
  }

  BufferPool pool_;

 private:
  struct Call {
    const char* what;
    Offset a, b;
  };
  Numbers numbers_;
  std::uint64_t mix_ = 0;
  std::uint64_t count_ = 0;
  std::deque<Call> calls_;
  std::string failure_;
};

/// Two send buffers, one of which is now and then a copy of the other and then goes its own way.
template <typename Numbers>
class SendCalls : public Calls<Numbers> {
 public:
  using Calls<Numbers>::Calls;

  void step() {
    if (this->one_in(200)) std::swap(sides_[0], sides_[1]);
    if (this->one_in(200)) return fork();
    Side& side = sides_[0];
    switch (this->below(8)) {
      case 0:
      case 1: append_copy(side); break;
      case 2: append_slice(side); break;
      case 3: release(side); break;
      case 4: gather(side); break;
      case 5: gather_some(side); break;
      case 6: as_one_slice(side); break;
      default: copy_out(side); break;
    }
    this->agree(side.buffer.begin() == side.plain.begin, "begin");
    this->agree(side.buffer.end() == side.plain.end(), "end");
    if (this->one_in(500)) whole(side);
  }
  /// After the last step: nothing is left behind.
  void finish() {
    for (Side& side : sides_) whole(side), side = {};
    this->agree(this->pool_.in_use() == 0, "blocks in use");
  }

 private:
  struct Side {
    tcp::SendBuffer buffer;
    PlainSend plain;
  };
  static constexpr std::size_t kMost = 150000;

  void append_copy(Side& side) {
    const Octets octets = this->fresh(side.plain.octets.size() > kMost ? 0 : this->some_size());
    this->log("append octets", static_cast<Offset>(octets.size()));
    side.buffer.append(bytes_of(octets), &this->pool_);
    side.plain.append(octets);
  }
  void append_slice(Side& side) {
    const Octets octets = this->fresh(side.plain.octets.size() > kMost ? 0 : this->some_size());
    this->log("append slice", static_cast<Offset>(octets.size()));
    side.buffer.append(this->slice_of(octets), this->one_in(2) ? &this->pool_ : nullptr);
    side.plain.append(octets);
  }
  void release(Side& side) {
    const auto size = static_cast<std::uint32_t>(side.plain.octets.size());
    const Offset una = side.plain.begin + Offset{this->below(size + 3)} - 2;
    this->log("release", una);
    side.buffer.release(std::min(una, side.plain.end()));
    side.plain.release(std::min(una, side.plain.end()));
  }
  /// Mostly a segment's worth at either end; now and then outside of what is held.
  Range some_range(const Side& side) {
    const auto size = static_cast<std::uint32_t>(side.plain.octets.size());
    const Offset begin = side.plain.begin + Offset{this->below(size + 20)} - 10;
    return {begin, begin + Offset{this->one_in(20) ? this->below(70000) : this->below(3000)}};
  }
  void gather(Side& side) {
    const Range wanted = some_range(side);
    this->log("gather", wanted.begin, wanted.end);
    Octets got;
    side.buffer.gather(wanted, [&](const Slice& part) {
      this->agree(!part.empty(), "gather: an empty part");
      const Octets octets = octets_of(part.bytes());
      got.insert(got.end(), octets.begin(), octets.end());
    });
    this->agree(got == side.plain.get(wanted), "gather");
  }
  void gather_some(Side& side) {
    const Range wanted = some_range(side);
    this->log("gather into array", wanted.begin, wanted.end);
    std::array<Slice, 3> parts;
    const auto count = side.buffer.gather(wanted, std::span(parts).first(this->below(4)));
    Octets got;
    for (std::size_t i = 0; i < count.slices; ++i) {
      const Octets octets = octets_of(parts.at(i).bytes());
      got.insert(got.end(), octets.begin(), octets.end());
    }
    Octets expected = side.plain.get(wanted);
    this->agree(got.size() == count.octets, "gathered.octets");
    this->agree(got.size() == expected.size() || count.slices < 4, "gather into array: size");
    expected.resize(std::min(expected.size(), got.size()));
    this->agree(got == expected, "gather into array");
  }
  void as_one_slice(Side& side) {
    const Range wanted = some_range(side);
    this->log("slice", wanted.begin, wanted.end);
    const Slice slice = side.buffer.slice(wanted, &this->pool_);
    this->agree(octets_of(slice.bytes()) == side.plain.get(wanted), "slice");
  }
  void copy_out(Side& side) {
    const Range wanted = some_range(side);
    Octets got(this->below(4000));
    this->log("copy_out", wanted.begin, wanted.end);
    Octets expected = side.plain.get(wanted);
    expected.resize(std::min(expected.size(), got.size()));
    got.resize(side.buffer.copy_out(wanted, std::as_writable_bytes(std::span(got))));
    this->agree(got == expected, "copy_out");
  }
  void fork() {
    this->log("copy");
    sides_[1] = sides_[0];
    this->agree(sides_[1].buffer == sides_[0].buffer, "a copy");
  }
  /// All of it, and a buffer that came to hold the same in another way.
  void whole(const Side& side) {
    tcp::SendBuffer again;
    again.append(bytes_of(Octets(static_cast<std::size_t>(side.plain.begin % 1000))));
    Octets all(side.plain.octets.size());
    const Range range{side.plain.begin, side.plain.end()};
    const auto size = side.buffer.copy_out(range, std::as_writable_bytes(std::span(all)));
    this->agree(size == all.size() && all == side.plain.octets, "all of it");
    if (side.plain.begin >= 1000 || all.empty()) return;
    again.append(bytes_of(all));
    again.release(side.plain.begin);
    this->agree(again == side.buffer, "==");
    all.back() ^= 1U;
    tcp::SendBuffer other;
    other.append(bytes_of(Octets(static_cast<std::size_t>(side.plain.begin))));
    other.append(bytes_of(all));
    other.release(side.plain.begin);
    this->agree(!(other == side.buffer), "!=");
  }

  std::array<Side, 2> sides_;
};

/// The same for receive buffers.
template <typename Numbers>
class ReceiveCalls : public Calls<Numbers> {
 public:
  using Calls<Numbers>::Calls;

  void step() {
    if (this->one_in(200)) std::swap(sides_[0], sides_[1]);
    if (this->one_in(200)) return fork();
    Side& side = sides_[0];
    switch (this->below(9)) {
      case 0:
      case 1:
      case 2: insert(side); break;
      case 3: insert_next(side); break;
      case 4: read(side); break;
      case 5: peek(side); break;
      case 6: discard(side); break;
      case 7: lend(side); break;
      default: skip(side); break;
    }
    const auto ready = static_cast<Offset>(side.plain.in_order());
    this->agree(side.buffer.readable() == Range{side.plain.begin, side.plain.begin + ready},
                "readable");
    if (this->one_in(16)) held(side);
  }
  void finish() {
    for (Side& side : sides_) held(side), side = {};
    this->agree(this->pool_.in_use() == 0, "blocks in use");
  }

 private:
  struct Side {
    tcp::ReceiveBuffer buffer;
    PlainReceive plain;
  };

  void insert_at(Side& side, Offset at, std::uint32_t size) {
    const Octets octets = this->fresh(size);
    this->log("insert", at, at + Offset{size});
    const bool taken = side.buffer.insert(at, this->slice_of(octets), &this->pool_);
    const bool expected = side.plain.insert(at, octets, tcp::ReceiveBuffer::kMostAhead);
    this->agree(taken == expected, "whether it was taken");
  }
  /// Anywhere: before, across, ahead, over several gaps.
  void insert(Side& side) {
    const std::uint32_t window = this->one_in(50) ? 60000 : this->one_in(4) ? 6000 : 600;
    const Offset at = side.plain.begin + Offset{this->below(window)} - 30;
    insert_at(side, at, std::min<std::uint32_t>(this->some_size(), 70000));
  }
  void insert_next(Side& side) {
    if (side.plain.held.size() > 150000) return;
    if (this->one_in(3)) return append_run(side);
    insert_at(side, side.plain.begin + static_cast<Offset>(side.plain.in_order()),
              this->some_size());
  }
  /// Several packets at once, each with a header in front of its part.
  void append_run(Side& side) {
    const std::size_t front = this->below(60);
    std::vector<Slice> packets;
    Octets all;
    for (std::uint32_t left = this->below(4) + 1; left > 0; --left) {
      const Octets part = this->fresh(this->some_size() % 2000 + 1);
      Octets whole(front);
      whole.insert(whole.end(), part.begin(), part.end());
      all.insert(all.end(), part.begin(), part.end());
      packets.push_back(this->slice_of(whole));
    }
    const Offset at = side.plain.begin + static_cast<Offset>(side.plain.in_order());
    this->log("append", at, at + static_cast<Offset>(all.size()));
    const bool expected = side.plain.ahead().empty();
    const bool taken = side.buffer.append(at, packets, front, &this->pool_);
    this->agree(taken == expected, "whether a run was taken");
    if (taken) (void)side.plain.insert(at, all, tcp::ReceiveBuffer::kMostAhead);
  }
  void read(Side& side) {
    Octets got(this->some_size());
    this->log("read", static_cast<Offset>(got.size()));
    const Octets expected = side.plain.peek(0, got.size());
    got.resize(side.buffer.read(std::as_writable_bytes(std::span(got))));
    side.plain.skip_to(side.plain.begin + static_cast<Offset>(expected.size()));
    this->agree(got == expected, "read");
  }
  void peek(Side& side) {
    Octets got(this->some_size());
    const std::size_t skip = this->one_in(2) ? 0 : this->below(300);
    this->log("peek", static_cast<Offset>(got.size()), static_cast<Offset>(skip));
    const Octets expected = side.plain.peek(skip, got.size());
    got.resize(side.buffer.peek(std::as_writable_bytes(std::span(got)), skip));
    this->agree(got == expected, "peek");
  }
  void discard(Side& side) {
    const std::size_t most = this->some_size();
    this->log("discard", static_cast<Offset>(most));
    const std::size_t expected = side.plain.peek(0, most).size();
    this->agree(side.buffer.discard(most) == expected, "discard");
    side.plain.skip_to(side.plain.begin + static_cast<Offset>(expected));
  }
  void lend(Side& side) {
    const std::size_t most = this->one_in(2) ? SIZE_MAX : this->below(300) + 1;
    this->log("lend", static_cast<Offset>(most));
    std::array<std::span<const std::byte>, 2> pieces;
    const std::size_t count = side.buffer.lend(pieces);
    std::size_t at = 0;
    for (const auto& piece : std::span(pieces).first(count)) {
      this->agree(octets_of(piece) == side.plain.peek(at, piece.size()), "lend");
      at += piece.size();
    }
    this->agree(at > 0 || side.plain.in_order() == 0, "lend: nothing");
    const std::size_t taken = side.buffer.discard(std::min(at, most));
    this->agree(taken == std::min(at, most), "lend: not there");
    side.plain.skip_to(side.plain.begin + static_cast<Offset>(taken));
  }
  void skip(Side& side) {
    if (!this->one_in(4)) return;
    const Offset to = side.plain.begin + Offset{this->below(this->one_in(10) ? 5000 : 200)} - 5;
    this->log("skip_to", to);
    side.buffer.skip_to(to, &this->pool_);
    side.plain.skip_to(to);
  }
  void fork() {
    this->log("copy");
    sides_[1] = sides_[0];
    this->agree(sides_[1].buffer == sides_[0].buffer, "a copy");
  }
  /// All that is held, and a buffer that came to hold the same in another way.
  void held(const Side& side) {
    const auto ahead = side.plain.ahead();
    this->agree(ahead.size() == side.buffer.ahead().size(), "stretches ahead");
    std::size_t octets = side.plain.in_order();
    tcp::ReceiveBuffer again;
    again.skip_to(side.plain.begin);
    again.insert(side.plain.begin, Slice::copy_of(bytes_of(side.plain.peek(0, SIZE_MAX))));
    for (std::size_t i = ahead.size(); i-- > 0;) {
      octets += static_cast<std::size_t>(ahead[i].size());
      const auto first =
          side.plain.value.begin() + static_cast<std::ptrdiff_t>(ahead[i].begin - side.plain.begin);
      again.insert(ahead[i].begin,
                   Slice::copy_of(bytes_of(Octets(first, first + ahead[i].size()))));
    }
    this->agree(side.buffer.held() == octets, "held");
    this->agree(again == side.buffer, "==");
  }

  std::array<Side, 2> sides_;
};

}  // namespace lastack_test
