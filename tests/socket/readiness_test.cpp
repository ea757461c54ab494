// poll() as the kernel's table has it, and edges: none lost, none doubled.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>

#include "worlds/edges.hpp"
#include "worlds/lastack_world.hpp"
#include "worlds/readiness.hpp"

namespace lastack::worlds {
namespace {

/// {situation: state and bits}.
std::map<std::string, std::string> table() {
  std::ifstream file(LASTACK_SOURCE_DIR "/tests/worlds/readiness.tsv");
  std::map<std::string, std::string> rows;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    const auto tab = line.find('\t');
    rows[line.substr(0, tab)] = line.substr(tab + 1);
  }
  return rows;
}

TEST(Readiness, PollSaysWhatTheKernelSays) {
  const auto rows = table();
  EXPECT_GE(rows.size(), 150U);
  LastackWorld world(true);
  std::size_t seen = 0;
  for (const Situation& situation : situations()) {
    const auto row = rows.find(situation.name);
    ASSERT_TRUE(row != rows.end()) << situation.name;
    EXPECT_EQ(readiness_row(world, situation, 2000), row->first + "\t" + row->second);
    ++seen;
  }
  EXPECT_EQ(seen, rows.size());
}

/// By default SHUT_RD throws away what is buffered, and nothing else is told otherwise.
TEST(Readiness, ByDefaultOnlyWhatShutRdDiscardsIsToldOtherwise) {
  const auto rows = table();
  LastackWorld world(false);
  for (const Situation& situation : situations()) {
    const std::string row = readiness_row(world, situation, 2000);
    const std::string& kernels = rows.at(situation.name);
    if (situation.name.find("SHUT_RD") != std::string::npos) continue;
    EXPECT_EQ(row, situation.name + "\t" + kernels);
  }
}

TEST(Readiness, NoEdgeIsLostAndNoneComesTwice) {
  LastackWorld world(true);
  for (std::uint64_t seed = 1; seed <= 400 && !::testing::Test::HasFailure(); ++seed) {
    const EdgeRun run = edge_run(world, seed, seed % 4 == 0, 2000);
    std::string lines;
    for (const std::string& line : run.lines) lines += "\n  " + line;
    EXPECT_EQ(run.wrong, "") << "seed " << seed << lines;
  }
}

}  // namespace
}  // namespace lastack::worlds
