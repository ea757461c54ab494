// Each scenario of the demo ends as it says, and says it in both languages.
#include "insight/scenarios.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace lastack::insight {
namespace {

class ScenarioTest : public ::testing::TestWithParam<Scenario> {};

INSTANTIATE_TEST_SUITE_P(All, ScenarioTest,
                         ::testing::ValuesIn(scenarios().begin(), scenarios().end()),
                         [](const auto& info) {
                           std::string name(info.param.name);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

bool has_chinese(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0xe4; });
}

TEST_P(ScenarioTest, EndsInTheStatesItNames) {
  for (const bool v6 : {false, true}) {
    Stage stage(Language::english, config_of(GetParam(), v6));
    GetParam().play(stage);
    EXPECT_EQ(stage.state(Stage::kA), GetParam().a);
    EXPECT_EQ(stage.state(Stage::kB), GetParam().b);
  }
}

TEST_P(ScenarioTest, EndsAsLinuxDoesWithItsProfile) {
  const Scenario& s = GetParam();
  for (const bool v6 : {false, true}) {
    Stage stage(Language::english, config_of(s, v6, true));
    s.play(stage);
    EXPECT_EQ(stage.state(Stage::kA), s.a_as_linux.empty() ? s.a : s.a_as_linux);
    EXPECT_EQ(stage.state(Stage::kB), s.b_as_linux.empty() ? s.b : s.b_as_linux);
  }
}

std::vector<std::string> notes_of(const Scenario& s, Language language, bool as_linux) {
  Stage stage(language, config_of(s, false, as_linux));
  s.play(stage);
  std::vector<std::string> notes;
  for (const LadderEvent& e : stage.finish("").events) {
    if (e.kind == LadderEvent::Kind::note) notes.push_back(e.text);
  }
  return notes;
}

TEST_P(ScenarioTest, EverySentenceIsInBothLanguages) {
  for (const bool as_linux : {false, true}) {
    const auto english = notes_of(GetParam(), Language::english, as_linux);
    const auto chinese = notes_of(GetParam(), Language::chinese, as_linux);
    ASSERT_EQ(english.size(), chinese.size());
    ASSERT_FALSE(english.empty());
    for (std::size_t i = 0; i < english.size(); ++i) {
      EXPECT_FALSE(english[i].empty());
      EXPECT_FALSE(has_chinese(english[i])) << english[i];
      EXPECT_TRUE(has_chinese(chinese[i])) << chinese[i];
    }
  }
  EXPECT_TRUE(has_chinese(GetParam().title.zh));
  EXPECT_FALSE(GetParam().title.en.empty());
}

TEST_P(ScenarioTest, FitsEightyColumns) {
  for (const int way : {0, 1, 2, 3}) {
    const Language language = way % 2 == 0 ? Language::english : Language::chinese;
    Stage stage(language, config_of(GetParam(), false, way / 2 == 1));
    GetParam().play(stage);
    const std::string text = render(stage.finish(std::string(GetParam().title.in(language))), {});
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      EXPECT_LE(columns(text.substr(at, end - at)), 80U) << text.substr(at, end - at);
      at = end + 1;
    }
  }
}

TEST_P(ScenarioTest, ALostPacketChangesNoEnd) {
  for (std::uint64_t n = 1; n <= 12; ++n) {
    // A RST is sent once: where it is lost, the other side learns nothing until it sends something.
    if (GetParam().name == "shut-rd" && n == 7) continue;
    if (GetParam().name == "unread-data" && n == 3) continue;
    if (GetParam().name == "listener-close" && n == 6) continue;
    if (GetParam().name == "listener-shutdown" && n == 4) continue;
    auto config = config_of(GetParam());
    config.drop = {n};
    Stage stage(Language::english, config);
    GetParam().play(stage);
    const auto fits = [](std::string_view seen, std::string_view wanted) {
      return seen == wanted || (wanted == "TIME_WAIT" && seen == "CLOSED") ||
             (wanted == "CLOSED" && seen == "TIME_WAIT");
    };
    EXPECT_TRUE(fits(stage.state(Stage::kA), GetParam().a)) << n << " " << stage.state(Stage::kA);
    EXPECT_TRUE(fits(stage.state(Stage::kB), GetParam().b)) << n << " " << stage.state(Stage::kB);
  }
}

TEST(Scenarios, TheStatesOnTheWay) {
  const auto path = [](const char* name, std::size_t side) {
    const Scenario& s = *find_scenario(name);
    Stage stage(Language::english, config_of(s));
    s.play(stage);
    return stage.path(side);
  };
  using Path = std::vector<std::string>;
  EXPECT_EQ(path("open", Stage::kA), (Path{"SYN_SENT", "ESTABLISHED"}));
  EXPECT_EQ(path("open", Stage::kB), (Path{"LISTEN", "SYN_RCVD", "ESTABLISHED"}));
  EXPECT_EQ(path("simultaneous-open", Stage::kB), (Path{"SYN_SENT", "SYN_RCVD", "ESTABLISHED"}));
  // There is no wire between: SYN_RCVD is over before anybody can look.
  EXPECT_EQ(path("self-connect", Stage::kA), (Path{"SYN_SENT", "ESTABLISHED"}));
  EXPECT_EQ(path("close", Stage::kA), (Path{"FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT", "CLOSED"}));
  EXPECT_EQ(path("close", Stage::kB), (Path{"CLOSE_WAIT", "LAST_ACK", "CLOSED"}));
  EXPECT_EQ(path("simultaneous-close", Stage::kA), (Path{"FIN_WAIT_1", "CLOSING", "TIME_WAIT"}));
  EXPECT_EQ(path("fin-with-ack", Stage::kA), (Path{"FIN_WAIT_1", "TIME_WAIT"}));
}

}  // namespace
}  // namespace lastack::insight
