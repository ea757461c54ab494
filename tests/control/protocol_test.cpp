// What the lines of a conversation mean, whoever wrote them.
#include "control/protocol.hpp"

#include <gtest/gtest.h>

namespace lastack::control {
namespace {

using Json = nlohmann::json;

TEST(Protocol, LinesAreTheSameHoweverTheirOctetsCome) {
  const std::string text = "one\n\nthree\nfour";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    Lines lines;
    std::vector<std::string> all;
    for (std::size_t at = 0; at < text.size(); at += size) {
      lines.add(std::string_view(text).substr(at, size));
      while (auto line = lines.next()) all.push_back(*line);
    }
    EXPECT_EQ(all, (std::vector<std::string>{"one", "", "three"})) << size;
    EXPECT_EQ(lines.waiting(), 4U);
  }
}

TEST(Protocol, WhatIsNestedTooDeepIsNotRead) {
  const auto nested = [](std::size_t depth, const std::string& inside) {
    return std::string(depth, '[') + inside + std::string(depth, ']');
  };
  EXPECT_TRUE(read_line(nested(64, "")));
  EXPECT_FALSE(read_line(nested(65, "")));
  EXPECT_FALSE(read_line(nested(100'000, "")));
  EXPECT_TRUE(read_line(nested(64, R"("[{[{\"[")")));
  std::string hidden;  // where each bracket that ends a level stands in a string
  for (int i = 0; i < 65; ++i) hidden += R"(["]\"]",)";
  EXPECT_FALSE(read_line(hidden + "1" + std::string(65, ']')));
}

TEST(Protocol, AListIsSaidRowByRow) {
  const auto said = [](int rows, std::size_t size) {
    return Said([rows, size](const TakeRow& take) {
      for (int i = 0; i < rows; ++i) take({{"number", i}, {"text", std::string(size, 'x')}});
    });
  };
  for (const auto& [rows, size] :
       {std::pair(0, 0U), {1, 5U}, {2, 5U}, {300, 1000U}, {3, 200'000U}}) {
    std::string line;
    std::size_t longest = 0;
    EXPECT_TRUE(each_part(said(rows, size), [&](std::string_view part) {
      line += part;
      longest = std::max(longest, part.size());
      return true;
    }));
    EXPECT_LT(longest, 65536U + size + 100U);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const auto json = read_line(std::string_view(line).substr(0, line.size() - 1));
    ASSERT_TRUE(json && json->is_array());
    ASSERT_EQ(json->size(), static_cast<std::size_t>(rows));
    if (rows > 0) {
      EXPECT_EQ(json->back()["number"], rows - 1);
    }
  }
}

TEST(Protocol, NoMoreOfAListIsMadeThanIsTaken) {
  int made = 0;
  const Said said([&made](const TakeRow& take) {
    while (made < 1000 && take(std::string(40'000, 'x'))) ++made;
  });
  int parts = 0;
  EXPECT_FALSE(each_part(said, [&parts](std::string_view) { return ++parts < 2; }));
  EXPECT_EQ(parts, 2);
  EXPECT_EQ(made, 3);  // two rows make a part; the last was not taken
}

TEST(Protocol, WhoGreetsIsAHost) {
  EXPECT_TRUE(greets(greeting(7).dump()));
  for (const char* other : {"", "1", "[]", "{}", R"({"protocol":"1"})", R"({"protocol":2})",
                            R"({"protocol":4294967297})", R"({"protocol":1.0})"}) {
    EXPECT_FALSE(greets(other)) << other;
  }
}

TEST(Protocol, AWordThatIsNoStringIsSomeOtherWord) {
  const Json request{{"text", "in"}, {"number", 5}, {"list", {1}}, {"nothing", nullptr}};
  EXPECT_EQ(word_of(request, "text"), "in");
  EXPECT_EQ(word_of(request, "number"), "5");
  EXPECT_EQ(word_of(request, "list"), "[1]");
  EXPECT_EQ(word_of(request, "nothing"), "null");
  EXPECT_EQ(word_of(request, "missing"), "");
}

}  // namespace
}  // namespace lastack::control
