// Runs scripts of socket calls on the kernel's sockets and on lastack's and compares what they say:
// worlds random COUNT [FIRST_SEED], worlds program, or worlds show PART_OF_A_NAME: the kernel's
// transcript of the program's sections of that name.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "worlds/generator.hpp"
#include "worlds/kernel_world.hpp"
#include "worlds/lastack_world.hpp"
#include "worlds/program.hpp"

namespace lastack::worlds {
namespace {

constexpr std::uint16_t kFirstPorts = 2000;
constexpr std::uint16_t kLastPorts = 59000;
constexpr int kRunsInOnePair = 2000;  ///< of namespaces: what is left of connections stays in them

/// Both worlds, and ports that no script before has used.
class Comparison {
 public:
  /// The first step at which they differ; nothing where they don't.
  std::optional<std::size_t> compare(const Script& script, bool as_linux = true) {
    if (!kernel_ || runs_++ == kRunsInOnePair) {
      kernel_ = std::make_unique<KernelWorld>();
      runs_ = 0;
      ports_ = kFirstPorts;
    }
    ports_ = static_cast<std::uint16_t>(ports_ + kPlaces);
    if (ports_ > kLastPorts) ports_ = kFirstPorts;
    ours = run(as_linux ? as_linux_ : by_default_, script, ports_);
    kernels = run(*kernel_, script, ports_);
    for (std::size_t i = 0; i < script.size(); ++i) {
      if (ours[i] != kernels[i]) return i;
    }
    return std::nullopt;
  }

  std::vector<std::string> ours, kernels;

 private:
  LastackWorld as_linux_{true};
  LastackWorld by_default_{false};
  std::unique_ptr<KernelWorld> kernel_;
  int runs_ = 0;
  std::uint16_t ports_ = kFirstPorts;
};

void show(Comparison& comparison, const Script& script, std::uint64_t seed) {
  const Script least = shrunk(
      script, [&](const Script& shorter) { return comparison.compare(shorter).has_value(); });
  const auto at = comparison.compare(least);
  std::printf("seed %llu differs; the least of it:\n", static_cast<unsigned long long>(seed));
  for (std::size_t i = 0; i < least.size() && (!at || i <= *at); ++i) {
    if (at && i == *at) {
      std::printf("  lastack: %s\n  kernel:  %s\n", comparison.ours[i].c_str(),
                  comparison.kernels[i].c_str());
    } else {
      std::printf("  %s\n", comparison.ours[i].c_str());
    }
  }
}

/// With the linux profile each section is the kernel's, step by step. By default those that a row
/// of docs/linux.md is about are not, and all others are.
int sections() {
  Comparison comparison;
  std::size_t steps = 0;
  int wrong = 0;
  for (const Section& section : program()) {
    steps += section.script.size();
    for (const bool as_linux : {true, false}) {
      const auto at = comparison.compare(section.script, as_linux);
      const bool good = at.has_value() == (!as_linux && section.row != Row::none);
      wrong += good ? 0 : 1;
      std::printf("%s %s, %s\n", good ? "ok" : "not ok", section.name.c_str(),
                  as_linux                   ? "as Linux"
                  : section.row == Row::none ? "by default"
                                             : "differs by default");
      for (std::size_t i = 0; !good && i < section.script.size() && (!at || i <= *at); ++i) {
        std::printf("  %s\n", comparison.kernels[i].c_str());
      }
      if (!good && at) std::printf("  lastack: %s\n", comparison.ours[*at].c_str());
    }
  }
  std::printf("%zu steps\n", steps);
  return wrong == 0 ? 0 : 1;
}

int show_sections(const std::string& part) {
  Comparison comparison;
  for (const Section& section : program()) {
    if (!section.name.contains(part)) continue;
    comparison.compare(section.script);
    std::printf("%s\n", section.name.c_str());
    for (const std::string& line : comparison.kernels) std::printf("  %s\n", line.c_str());
  }
  return 0;
}

int random_scripts(int count, std::uint64_t first) {
  Comparison comparison;
  int different = 0;
  std::size_t steps = 0;
  for (int i = 0; i < count; ++i) {
    const std::uint64_t seed = first + static_cast<std::uint64_t>(i);
    const Script script = random_script(seed);
    steps += script.size();
    if (!comparison.compare(script)) continue;
    if (++different <= 8) show(comparison, script, seed);
  }
  std::printf("%d scripts, %zu steps, %d differ\n", count, steps, different);
  return different == 0 ? 0 : 1;
}

}  // namespace
}  // namespace lastack::worlds

int main(int argc, char** argv) {
  if (argc >= 3 && std::strcmp(argv[1], "random") == 0) {
    const std::uint64_t first = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1;
    return lastack::worlds::random_scripts(std::atoi(argv[2]), first);
  }
  if (argc == 2 && std::strcmp(argv[1], "program") == 0) return lastack::worlds::sections();
  if (argc == 3 && std::strcmp(argv[1], "show") == 0)
    return lastack::worlds::show_sections(argv[2]);
  std::fprintf(stderr,
               "usage: worlds random COUNT [FIRST_SEED] | worlds program | worlds show NAME\n");
  return 2;
}
