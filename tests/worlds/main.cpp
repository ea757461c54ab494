// Runs scripts of socket calls on the kernel's sockets and on lastack's and compares what they say.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#include "worlds/classics.hpp"
#include "worlds/comparison.hpp"
#include "worlds/edges.hpp"
#include "worlds/generator.hpp"
#include "worlds/holders.hpp"
#include "worlds/program.hpp"
#include "worlds/readiness.hpp"

namespace lastack::worlds {
namespace {

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
    if (++different <= 60) show(comparison, script, seed);
  }
  std::printf("%d scripts, %zu steps, %d differ\n", count, steps, different);
  return different == 0 ? 0 : 1;
}

/// The table of what the kernel says; where `ours`, of what lastack says.
int readiness(bool ours) {
  KernelWorlds kernel(KernelWorlds::both);
  LastackWorld lastack(true);
  std::printf("situation\tstate\tpoll\n");
  for (const Situation& situation : situations()) {
    World& world = ours ? static_cast<World&>(lastack) : kernel.next();
    const std::uint16_t ports = ours ? std::uint16_t{2000} : kernel.ports();
    std::printf("%s\n", readiness_row(world, situation, ports).c_str());
  }
  return 0;
}

int edges(int count) {
  KernelWorlds kernel(KernelWorlds::both);
  LastackWorld lastack(true);
  int different = 0;
  for (int i = 0; i < count; ++i) {
    const auto seed = static_cast<std::uint64_t>(i + 1);
    World& world = kernel.next();
    const EdgeRun theirs = edge_run(world, seed, false, kernel.ports());
    const EdgeRun ours = edge_run(lastack, seed, false, kernel.ports());
    if (ours.wrong.empty() && ours.lines == theirs.lines) continue;
    if (++different > 5) continue;
    std::printf("seed %d: %s\n", i + 1, ours.wrong.c_str());
    for (std::size_t k = 0; k < std::min(ours.lines.size(), theirs.lines.size()); ++k) {
      std::printf("  %s\n", ours.lines[k].c_str());
      if (ours.lines[k] != theirs.lines[k]) std::printf("  kernel: %s\n", theirs.lines[k].c_str());
    }
  }
  std::printf("%d runs, %d differ\n", count, different);
  return different == 0 ? 0 : 1;
}

/// There is no wire of its own to be held; and in a run a stream's octets go through a pair, which
/// knows no MSG_MORE.
bool is_for_one_machine(const Section& section) {
  constexpr int kMore = 0x8000;
  const auto has = [&](const auto& what) { return std::ranges::any_of(section.script, what); };
  const bool streams = has([](const Step& s) { return s.op == Op::stream; });
  return !has([&](const Step& s) {
    return s.op == Op::hold || (streams && s.op == Op::send && (s.b & kMore) != 0);
  });
}

/// Scripts for a world that is on the machine's loopback or in a run, as they are asked for:
/// `sections` (how many there are), `program INDEX` or `random SEED`, and perhaps the steps that
/// are wanted. It answers with the name, a line for each step, and a dot.
int serve() {
  LoopbackWorld world;
  std::uint16_t ports = 2000;
  std::vector<Section> sections = program();
  std::erase_if(sections, [](const Section& section) { return !is_for_one_machine(section); });
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string what;
    std::size_t number = 0;
    words >> what >> number;
    const bool written = what == "program";
    if (what == "sections") {
      std::printf("%zu\n.\n", sections.size());
      std::fflush(stdout);
      continue;
    }
    Script script = written ? sections[number].script : random_script_of_holders(number);
    std::printf("%s\n", written ? sections[number].name.c_str() : line.c_str());
    if (std::size_t step = 0; words >> step) {
      Script some;
      do some.push_back(script.at(step));
      while (words >> step);
      script = std::move(some);
    }
    ports = static_cast<std::uint16_t>(ports > 58000 ? 2000 : ports + 2 * kPlaces);
    for (const std::string& said : run(world, script, ports)) std::printf("%s\n", said.c_str());
    std::printf(".\n");
    std::fflush(stdout);
  }
  return 0;
}

int usage() {
  std::fprintf(stderr,
               "usage: worlds program            the written program, section by section\n"
               "       worlds show NAME           the kernel's transcript of sections named so\n"
               "       worlds random COUNT [FIRST_SEED]\n"
               "       worlds readiness [lastack]  the table of poll(), of the kernel's sockets\n"
               "       worlds edges COUNT         users of an edge-triggered epoll\n"
               "       worlds serve               scripts by number, on this machine's loopback\n"
               "       worlds classics            lastack's sockets against the kernel's\n");
  return 2;
}

int command(const std::vector<std::string>& words) {
  const std::string what = words.empty() ? "" : words[0];
  const auto number = [&](std::size_t i, std::uint64_t otherwise) {
    return words.size() > i ? std::strtoull(words[i].c_str(), nullptr, 10) : otherwise;
  };
  if (what == "program") return sections();
  if (what == "show" && words.size() == 2) return show_sections(words[1]);
  if (what == "random") return random_scripts(static_cast<int>(number(1, 1000)), number(2, 1));
  if (what == "readiness") return readiness(words.size() > 1 && words[1] == "lastack");
  if (what == "edges") return edges(static_cast<int>(number(1, 1000)));
  if (what == "serve") return serve();
  if (what == "holder") serve_as_holder(static_cast<int>(number(1, 0)));
  if (what == "classics") return classics();
  return usage();
}

}  // namespace
}  // namespace lastack::worlds

int main(int argc, char** argv) { return lastack::worlds::command({argv + 1, argv + argc}); }
