#include "fuzz/steps.hpp"

#include <algorithm>
#include <vector>

#include "base/random.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace lastack::fuzz {
namespace {

using Octets = std::array<std::uint8_t, kStep>;

std::vector<Octets> steps_of(std::span<const std::uint8_t> input) {
  std::vector<Octets> steps(input.size() / kStep);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    std::ranges::copy(input.subspan(i * kStep, kStep), steps[i].begin());
  }
  return steps;
}

std::size_t write(const std::vector<Octets>& steps, std::span<std::uint8_t> out) {
  const std::size_t count = std::min(steps.size(), out.size() / kStep);
  for (std::size_t i = 0; i < count; ++i) {
    std::ranges::copy(steps[i], out.begin() + static_cast<std::ptrdiff_t>(i * kStep));
  }
  return count * kStep;
}

class Mutation {
 public:
  Mutation(std::vector<Octets>& steps, unsigned seed) : steps_(steps), random_(seed) {}

  void once() {
    if (steps_.empty()) return insert();
    switch (random_.below(10)) {
      case 0: return insert();
      case 1: return remove();
      case 2: return repeat();
      case 3: std::swap(steps_[any()], steps_[any()]); return;
      case 4:
      case 5: return change_as_libfuzzer_does();
      default: change_an_octet();
    }
  }
  std::uint32_t below(std::uint32_t n) { return random_.below(n); }

 private:
  std::size_t any() { return random_.below(static_cast<std::uint32_t>(steps_.size())); }
  std::ptrdiff_t place(std::size_t i) { return static_cast<std::ptrdiff_t>(i); }
  /// A run of steps from `from` on, mostly short.
  std::size_t run_length(std::size_t from) {
    const std::size_t most = steps_.size() - from;
    return std::min<std::size_t>(most, 1 + random_.below(random_.below(4) == 0 ? 12 : 2));
  }
  void insert() {
    Octets fresh;
    for (auto& octet : fresh) octet = static_cast<std::uint8_t>(random_.below(256));
    // Many arguments mean the ordinary at 0: what is random in all of them is rarely deep.
    for (std::size_t i = 2; i < kStep; ++i) {
      if (random_.below(2) == 0) fresh[i] = 0;
    }
    const std::size_t at = random_.below(static_cast<std::uint32_t>(steps_.size() + 1));
    steps_.insert(steps_.begin() + place(at), fresh);
  }
  void remove() {
    const std::size_t from = any();
    const auto first = steps_.begin() + place(from);
    steps_.erase(first, first + place(run_length(from)));
  }
  void repeat() {
    const std::size_t from = any();
    const auto first = steps_.begin() + place(from);
    const std::vector<Octets> run(first, first + place(run_length(from)));
    const std::size_t to = random_.below(static_cast<std::uint32_t>(steps_.size() + 1));
    steps_.insert(steps_.begin() + place(to), run.begin(), run.end());
  }
  void change_an_octet() {
    Octets& step = steps_[any()];
    std::uint8_t& octet = step[random_.below(kStep)];
    switch (random_.below(4)) {
      case 0: octet = static_cast<std::uint8_t>(random_.below(256)); break;
      case 1: octet ^= static_cast<std::uint8_t>(1U << random_.below(8)); break;
      case 2: octet = static_cast<std::uint8_t>(octet + random_.below(9) - 4); break;
      default: octet = 0;
    }
  }
  void change_as_libfuzzer_does() {
    Octets& step = steps_[any()];
    const std::size_t kept = LLVMFuzzerMutate(step.data(), kStep, kStep);
    std::fill(step.begin() + place(kept), step.end(), std::uint8_t{0});
  }

  std::vector<Octets>& steps_;
  Random random_;
};

}  // namespace

std::size_t mutate_steps(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  std::vector<Octets> steps = steps_of({data, size});
  Mutation mutation(steps, seed);
  for (std::uint32_t i = 1 + mutation.below(4); i-- > 0;) mutation.once();
  return write(steps, {data, most});
}

std::size_t cross_steps(std::span<const std::uint8_t> one, std::span<const std::uint8_t> other,
                        std::span<std::uint8_t> out, unsigned seed) {
  Random random(seed);
  std::vector<Octets> steps = steps_of(one);
  const std::vector<Octets> others = steps_of(other);
  const auto cut = [&random](const std::vector<Octets>& all) {
    return static_cast<std::ptrdiff_t>(random.below(static_cast<std::uint32_t>(all.size() + 1)));
  };
  steps.erase(steps.begin() + cut(steps), steps.end());
  steps.insert(steps.end(), others.begin() + cut(others), others.end());
  return write(steps, out);
}

}  // namespace lastack::fuzz
