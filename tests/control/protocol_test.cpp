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
