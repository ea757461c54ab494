// lastack nstat: every counter has a name, and what is shown is what has happened since.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>

#include "cli/nstat_history.hpp"
#include "cli/nstat_names.hpp"

namespace lastack::cli {
namespace {

using host::Counters;

/// Counters has nothing but numbers.
using Figures = std::array<std::uint64_t, sizeof(Counters) / sizeof(std::uint64_t)>;

/// Where a member of Counters stands among the figures.
std::size_t place_of(const void* member, const Counters& in) {
  return static_cast<std::size_t>(static_cast<const std::byte*>(member) -
                                  static_cast<const std::byte*>(static_cast<const void*>(&in))) /
         sizeof(std::uint64_t);
}

/// Rows of the state table are counted for the explorer; only sums of some have names.
TEST(NstatNames, EveryCounterHasOne) {
  const Counters none{};
  const std::size_t rows = place_of(&none.transitions, none);
  const std::size_t no_drop = place_of(&none.dropped, none);         // of tcp::Drop::none
  const std::size_t no_silence = place_of(&none.icmp_silent, none);  // of ip::Silence::none
  for (std::size_t i = 0; i < Figures{}.size(); ++i) {
    if (i == no_drop || i == no_silence || (i >= rows && i < rows + none.transitions.size()))
      continue;
    Figures figures{};
    figures[i] = 1;
    const auto named = named_counters(std::bit_cast<Counters>(figures));
    EXPECT_TRUE(std::ranges::any_of(named, [](const auto& c) { return c.second != 0; }))
        << "figure " << i << " of Counters";
  }
}

TEST(NstatNames, NoNameTwice) {
  auto named = named_counters({});
  add_named(ip::LinkCounters{}, named);
  add_named(link::TunTally{}, named);
  std::set<std::string> names;
  for (const auto& [name, value] : named) {
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(value, 0U) << name;
  }
}

std::uint64_t value_of(const Counters& c, const std::string& name) {
  const auto all = named_counters(c);
  const auto at = std::ranges::find(all, name, &std::pair<std::string, std::uint64_t>::first);
  EXPECT_NE(at, all.end()) << name;
  return at != all.end() ? at->second : 0;
}

TEST(NstatNames, WhatTheTransitionsMean) {
  using tcp::Event;
  using tcp::State;
  const auto once = [](State from, Event event) {
    Counters c{};
    const auto row = std::ranges::find_if(
        tcp::kTable, [&](const tcp::Row& r) { return r.from == from && r.event == event; });
    c.transitions[static_cast<std::size_t>(row - tcp::kTable.begin())] = 1;
    return c;
  };
  EXPECT_EQ(value_of(once(State::closed, Event::active_open), "TcpActiveOpens"), 1U);
  EXPECT_EQ(value_of(once(State::syn_sent, Event::rst), "TcpAttemptFails"), 1U);
  EXPECT_EQ(value_of(once(State::syn_rcvd, Event::rst_passive), "TcpAttemptFails"), 1U);
  EXPECT_EQ(value_of(once(State::syn_rcvd, Event::rst_passive), "TcpExtEmbryonicRsts"), 1U);
  EXPECT_EQ(value_of(once(State::syn_sent, Event::syn), "TcpAttemptFails"), 0U);
  EXPECT_EQ(value_of(once(State::established, Event::rst), "TcpEstabResets"), 1U);
  EXPECT_EQ(value_of(once(State::close_wait, Event::abort), "TcpEstabResets"), 1U);
  EXPECT_EQ(value_of(once(State::last_ack, Event::rst), "TcpEstabResets"), 0U);
  EXPECT_EQ(value_of(once(State::time_wait, Event::time_wait_over), "TcpExtTW"), 1U);
}

/// As the kernel has it, TWRecycled are those that made room for a connect().
TEST(NstatNames, WhatEndsATimeWaitIsCountedByItsSide) {
  Counters c{};
  const auto row = std::ranges::find(tcp::kTable, tcp::Event::reuse, &tcp::Row::event);
  c.transitions[static_cast<std::size_t>(row - tcp::kTable.begin())] = 5;
  c.tcp.time_wait_taken_over = 3;
  EXPECT_EQ(value_of(c, "TcpExtTWRecycled"), 3U);
  EXPECT_EQ(value_of(c, "LastackTcpTimeWaitSyns"), 2U);
}

TEST(NstatNames, ASynThatNoCookieAnsweredWasDropped) {
  Counters c{};
  c.syn_queue_full = 5;
  c.cookies_sent = 3;
  c.accept_queue_full = 10;
  EXPECT_EQ(value_of(c, "TcpExtTCPReqQFullDoCookies"), 3U);
  EXPECT_EQ(value_of(c, "TcpExtTCPReqQFullDrop"), 2U);
  EXPECT_EQ(value_of(c, "TcpExtListenDrops"), 12U);
  EXPECT_EQ(value_of(c, "TcpExtListenOverflows"), 10U);
}

// --- the history

Counted counted(std::uint64_t in, std::uint64_t out, Duration at) {
  return {.started = TimePoint(100s),
          .at = TimePoint(at),
          .counters = {{"TcpInSegs", in}, {"TcpOutSegs", out}, {"LastackTcpDropPaws", 0}}};
}

std::vector<std::string> names(const std::vector<CounterLine>& lines) {
  std::vector<std::string> all;
  for (const CounterLine& line : lines) all.push_back(line.name);
  return all;
}

TEST(Nstat, TheFirstTimeSinceTheHostBegan) {
  const auto lines = counter_lines(counted(50, 0, 110s), {}, {});
  ASSERT_EQ(names(lines), std::vector<std::string>{"TcpInSegs"});
  EXPECT_EQ(lines[0].value, 50U);
  EXPECT_DOUBLE_EQ(lines[0].rate, 5.0);
}

TEST(Nstat, ThenSinceTheLastTime) {
  const Counted before = counted(50, 7, 110s);
  const auto lines = counter_lines(counted(90, 7, 114s), before, {});
  ASSERT_EQ(names(lines), std::vector<std::string>{"TcpInSegs"});
  EXPECT_EQ(lines[0].value, 40U);
  EXPECT_DOUBLE_EQ(lines[0].rate, 10.0);
  EXPECT_EQ(
      counter_lines(counted(90, 7, 114s), before, {.absolute = true, .patterns = {}}).at(0).value,
      90U);
  EXPECT_EQ(counter_lines(counted(90, 7, 114s), before, {.zeros = true, .patterns = {}}).size(),
            3U);
  EXPECT_TRUE(counter_lines(before, before, {}).empty());
}

TEST(Nstat, PatternsAsAShellHasThem) {
  const auto with = [](std::vector<std::string> patterns) {
    const CounterWishes wishes{.absolute = true, .zeros = true, .patterns = std::move(patterns)};
    return names(counter_lines(counted(1, 2, 110s), {}, wishes));
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(with({"Tcp*"}), (Names{"TcpInSegs", "TcpOutSegs"}));
  EXPECT_EQ(with({"tcpinsegs"}), Names{"TcpInSegs"});
  EXPECT_EQ(with({"*drop*", "TcpOut?egs"}), (Names{"TcpOutSegs", "LastackTcpDropPaws"}));
  EXPECT_EQ(with({"Tcp"}), Names{});
}

TEST(Nstat, ColumnsAsNstatHasThem) {
  EXPECT_EQ(counter_table("#lastack", {{"TcpInSegs", 1813, 0}, {"TcpOutSegs", 3, 1.25}}),
            "#lastack\n"
            "TcpInSegs                       1813               0.0\n"
            "TcpOutSegs                      3                  1.2\n");
}

class NstatFile : public testing::Test {
 protected:
  NstatFile() {
    std::string name = testing::TempDir() + "nstat-XXXXXX";
    folder = ::mkdtemp(name.data());
  }
  ~NstatFile() override { std::filesystem::remove_all(folder); }
  [[nodiscard]] std::string file() const { return (folder / "lastack" / "4121.nstat").string(); }
  std::filesystem::path folder;
};

TEST_F(NstatFile, WhatWasWrittenIsReadByTheSameHostOnly) {
  const Counted before = counted(50, 7, 110s);
  Counted now = counted(60, 7, 120s);
  EXPECT_FALSE(read_history(file(), now));
  EXPECT_FALSE(write_history(file(), before));
  const auto read = read_history(file(), now);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->counters, before.counters);
  EXPECT_EQ(read->at, before.at);
  using std::filesystem::perms;
  const auto mode = std::filesystem::status(file()).permissions();
  EXPECT_EQ(mode & (perms::group_all | perms::others_all), perms::none);
  now.started += 1s;  // another host with the same number
  EXPECT_FALSE(read_history(file(), now));
}

TEST_F(NstatFile, AFileOfAnythingElseIsNoHistory) {
  std::filesystem::create_directories(folder / "lastack");
  for (const char* text : {"", "x", "[]", "{}", R"({"started_us": 100000000, "at_us": 1})",
                           R"({"started_us": 100000000, "at_us": 1, "counters": [["a", -1]]})"}) {
    std::ofstream(file()) << text;
    EXPECT_FALSE(read_history(file(), counted(1, 1, 110s))) << text;
  }
}

TEST_F(NstatFile, WhereNothingCanBeWrittenItSaysSo) {
  std::ofstream(folder / "lastack") << "a file, no folder";
  const auto why = write_history(file(), counted(1, 1, 110s));
  ASSERT_TRUE(why);
  EXPECT_NE(why->find(file()), std::string::npos);
  EXPECT_TRUE(write_history("", counted(1, 1, 110s)));
}

TEST_F(NstatFile, FilesOfHostsThatAreGoneAreSwept) {
  ASSERT_FALSE(write_history(file(), counted(1, 1, 110s)));
  // No process has a number above the largest there may be.
  const auto gone = folder / "lastack" / "2000000000.nstat";
  const auto other = folder / "lastack" / "2000000000.sock";
  std::ofstream(gone) << "{}";
  std::ofstream(other) << "";
  ASSERT_FALSE(write_history((folder / "lastack" / "1.nstat").string(), counted(1, 1, 110s)));
  EXPECT_FALSE(std::filesystem::exists(gone));
  EXPECT_TRUE(std::filesystem::exists(other));
}

}  // namespace
}  // namespace lastack::cli
