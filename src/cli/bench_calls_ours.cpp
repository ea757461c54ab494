#include <algorithm>
#include <array>

#include "cli/bench_calls.hpp"
#include "cli/command.hpp"

namespace lastack::cli {
namespace {

constexpr std::size_t kNotPolled = SIZE_MAX;
constexpr BenchWire kCallsWire{.checksums = false, .super_segments = true, .watched = true};

void expect_done(bool good, const char* what) {
  if (!good) throw Failure{std::string("lastack: ") + what + " did not do what it should", kFailed};
}

}  // namespace

OurCalls::OurCalls(std::size_t polled) : world_(kCallsWire), stream_(world_.connect()) {
  send_at_once(stream_.first);
  for (std::size_t i = 0; i < polled; ++i) {
    polled_.push_back(world_.connect(i + 1));
    send_at_once(polled_.back().first);
    const std::uint32_t open = *world_.b().open_of(polled_.back().second);
    if (place_of_open_.size() <= open) place_of_open_.resize(open + 1, kNotPolled);
    place_of_open_[open] = i;
  }
  world_.pass(std::chrono::seconds(1));
}

void OurCalls::send_at_once(socket::Fd client) {
  expect_done(world_.a().set_no_delay(client, true, world_.now()).has_value(), "TCP_NODELAY");
}

void OurCalls::send(std::span<const std::byte> octets) {
  expect_done(world_.a().send(stream_.first, octets, world_.now()) == octets.size(), "send()");
}

void OurCalls::receive(std::span<std::byte> octets) {
  expect_done(world_.b().recv(stream_.second, octets, world_.now()) == octets.size(), "recv()");
}

void OurCalls::close(socket::Sockets& at, std::deque<socket::Fd>& which) {
  expect_done(at.close(which.front(), world_.now()).has_value(), "close()");
  which.pop_front();
}

void OurCalls::stir(std::size_t nth) {
  const std::array<std::byte, 1> octet{};
  expect_done(world_.a().send(polled_[nth].first, octet, world_.now()) == std::size_t{1}, "send()");
  world_.exchange();
}

void OurCalls::calm(std::size_t nth) {
  std::array<std::byte, 1> octet{};
  expect_done(world_.b().recv(polled_[nth].second, octet, world_.now()) == std::size_t{1},
              "recv()");
}

std::size_t OurCalls::poll_all() {
  return static_cast<std::size_t>(std::ranges::count_if(polled_, [&](const auto& pair) {
    return (*world_.b().poll(pair.second) & socket::kPollIn) != 0;
  }));
}

std::size_t OurCalls::next_ready() {
  while (const auto wakeup = world_.b().next_wake()) {
    if (wakeup->open >= place_of_open_.size()) continue;
    const std::size_t place = place_of_open_[wakeup->open];
    if (place == kNotPolled) continue;
    if ((*world_.b().poll(polled_[place].second) & socket::kPollIn) != 0) return place;
  }
  throw Failure{"lastack: next_wake() has missed one", kFailed};
}

void OurCalls::forget_ready() {
  while (world_.b().next_wake()) {
  }
}

}  // namespace lastack::cli
