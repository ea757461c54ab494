// How fast the core is just now: nanoseconds for a step of arithmetic that is always the same,
// keeps all of its units busy and asks no memory. Who shares the core unseen (the other thread of a
// hyperthreaded one, where a virtual machine has only one of them) makes it slower by half or more.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

#include "peer.hpp"

namespace {

constexpr int kSteps = 100'000;

void step(std::uint64_t& chain) {
  chain += 5;
  asm volatile("" : "+r"(chain));  // each is done, after the one before in its chain
  chain ^= 3;
  asm volatile("" : "+r"(chain));
}

double ns_per_step() {
  std::uint64_t a = 1;
  std::uint64_t b = 2;
  std::uint64_t c = 3;
  std::uint64_t d = 4;
  const double before = bench::cpu_ns();
  for (int i = 0; i < kSteps; ++i) {
    step(a);
    step(b);
    step(c);
    step(d);
  }
  return (bench::cpu_ns() - before) / kSteps;
}

}  // namespace

int main() {
  std::array<double, 31> all{};
  for (double& one : all) one = ns_per_step();
  std::ranges::sort(all);
  bench::report(all[all.size() / 2]);
}
