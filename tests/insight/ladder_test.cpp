#include "insight/ladder.hpp"

#include <gtest/gtest.h>

namespace lastack::insight {
namespace {

using Kind = LadderEvent::Kind;

Ladder base() {
  return {
      .title = "half-close", .left = "A 10.0.0.1:40001", .right = "B 10.0.0.2:80", .events = {}};
}

TEST(Ladder, AStraightArrowIsOneLine) {
  Ladder l = base();
  const TimePoint t0{};
  l.events = {
      {.at = t0, .kind = Kind::state, .side = Side::left, .text = "ESTABLISHED"},
      {.at = t0, .kind = Kind::state, .side = Side::right, .text = "ESTABLISHED"},
      {.at = t0, .kind = Kind::call, .side = Side::left, .text = "shutdown(WR)"},
      {.at = t0, .kind = Kind::state, .side = Side::left, .text = "FIN_WAIT_1"},
      {.at = t0, .kind = Kind::sent, .side = Side::left, .segment = 1, .text = "FIN,ACK seq 101"},
      {.at = t0 + 10ms, .kind = Kind::arrived, .side = Side::right, .segment = 1},
      {.at = t0 + 10ms, .kind = Kind::state, .side = Side::right, .text = "CLOSE_WAIT"},
      {.at = t0 + 10ms, .kind = Kind::note, .text = "A can still receive."},
  };
  EXPECT_EQ(render(l, {}),
            "half-close\n"
            "         A 10.0.0.1:40001                                      B 10.0.0.2:80\n"
            "  0.000  ESTABLISHED                                           ESTABLISHED\n"
            "         shutdown(WR)\n"
            "         FIN_WAIT_1      ──FIN,ACK seq 101──────────────────▶\n"
            "  0.010                                                        CLOSE_WAIT\n"
            "         │ A can still receive.\n");
}

TEST(Ladder, CrossingSegmentsAreSlantedAndLostOnesEndOnTheWay) {
  Ladder l = base();
  const TimePoint t0{};
  l.events = {
      {.at = t0, .kind = Kind::sent, .side = Side::left, .segment = 1, .text = "FIN,ACK seq 1"},
      {.at = t0, .kind = Kind::sent, .side = Side::right, .segment = 2, .text = "FIN,ACK seq 1"},
      {.at = t0 + 10ms, .kind = Kind::arrived, .side = Side::right, .segment = 1},
      {.at = t0 + 10ms, .kind = Kind::arrived, .side = Side::left, .segment = 2},
      {.at = t0 + 10ms, .kind = Kind::sent, .side = Side::left, .segment = 3, .text = "ACK ack 2"},
      {.at = t0 + 10ms, .kind = Kind::lost, .side = Side::left, .segment = 3},
  };
  EXPECT_EQ(render(l, {.ascii = true}),
            "half-close\n"
            "         A 10.0.0.1:40001                                      B 10.0.0.2:80\n"
            "  0.000                  --FIN,ACK seq 1-----------\\\n"
            "                                  /-----------FIN,ACK seq 1--\n"
            "  0.010                           \\----------------FIN,ACK-->\n"
            "                         <--FIN,ACK----------------/\n"
            "                         --ACK ack 2---------------X\n");
}

TEST(Ladder, WideCharactersCountTwice) {
  EXPECT_EQ(columns("半关闭"), 6U);
  EXPECT_EQ(columns("─▶"), 2U);
  Ladder l = base();
  std::string text;
  for (int i = 0; i < 60; ++i) text += "半";
  l.events = {{.kind = Kind::note, .text = text}};
  for (std::size_t at = 0, end = 0; at < render(l, {}).size(); at = end + 1) {
    const std::string all = render(l, {});
    end = all.find('\n', at);
    EXPECT_LE(columns(all.substr(at, end - at)), 80U);
  }
}

}  // namespace
}  // namespace lastack::insight
