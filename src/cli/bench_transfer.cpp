#include "cli/bench_transfer.hpp"

#include <algorithm>
#include <span>

#include "cli/command.hpp"

namespace lastack::cli {
namespace {

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> octets(size);
  for (std::size_t i = 0; i < size; ++i) octets[i] = static_cast<std::byte>(i * 131);
  return octets;
}

}  // namespace

Transfer::Transfer(BenchWorld& world, std::size_t chunk)
    : world_(world), fds_(world.connect()), chunk_(pattern(chunk)), into_(chunk) {}

void Transfer::run(std::uint64_t total, bool check) {
  for (std::uint64_t sent = 0, got = 0; got < total;) {
    while (sent < total) {
      const std::size_t at = sent % chunk_.size();
      const std::size_t most = std::min<std::uint64_t>(chunk_.size() - at, total - sent);
      const auto n = world_.a().send(fds_.first, std::span(chunk_).subspan(at, most), world_.now());
      if (!n) break;
      sent += *n;
    }
    std::size_t moved = world_.carry_a_to_b();
    while (const auto n = world_.b().recv(fds_.second, into_, world_.now())) {
      if (check && !as_sent(got, *n)) throw Failure{"octets arrived that were not sent"};
      got += *n;
    }
    moved += world_.carry_b_to_a();
    if (moved == 0) world_.pass(std::chrono::milliseconds(1));
  }
}

std::uint64_t Transfer::segment() {
  const auto* c = world_.host_a().connection(world_.a().find(fds_.first)->flow());
  return c->tcb().snd.mss - (c->tcb().timestamps ? 12U : 0U);
}

bool Transfer::as_sent(std::uint64_t from, std::size_t n) const {
  for (std::size_t i = 0; i < n; ++i) {
    if (into_[i] != chunk_[(from + i) % chunk_.size()]) return false;
  }
  return true;
}

}  // namespace lastack::cli
