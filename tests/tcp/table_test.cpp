// Two readings of RFC 9293's state machine, row for row, both ways round.
#include "tcp/table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tcp/rfc9293_transitions.hpp"

namespace lastack_test {
namespace {

using lastack::tcp::kTable;
using lastack::tcp::to_string;

bool same(const rfc9293::Row& typed, const lastack::tcp::Row& row) {
  return rfc9293::name(typed.from) == to_string(row.from) && typed.event == to_string(row.event) &&
         rfc9293::name(typed.to) == to_string(row.to);
}

TEST(Table, HasEveryRowTypedFromTheRfc) {
  for (const auto& typed : rfc9293::kTransitions) {
    const auto row = std::ranges::find_if(kTable, [&](const auto& r) { return same(typed, r); });
    ASSERT_NE(row, kTable.end()) << rfc9293::name(typed.from) << " --" << typed.event << "--> "
                                 << rfc9293::name(typed.to) << " is missing";
    EXPECT_EQ(row->section, typed.section) << rfc9293::name(typed.from) << " --" << typed.event;
    EXPECT_EQ(row->by_posix, typed.reach != rfc9293::Reach::never) << typed.event;
  }
}

TEST(Table, HasNoOtherRow) {
  for (const auto& row : kTable) {
    EXPECT_TRUE(std::ranges::any_of(rfc9293::kTransitions,
                                    [&](const auto& typed) { return same(typed, row); }))
        << to_string(row.from) << " --" << to_string(row.event) << "--> " << to_string(row.to)
        << " is not in RFC 9293";
  }
  EXPECT_EQ(kTable.size(), rfc9293::kTransitions.size());
}

TEST(Table, NamesTheElevenStatesAsTheRfcDoes) {
  for (std::size_t i = 0; i < rfc9293::kStateNames.size(); ++i) {
    EXPECT_EQ(to_string(static_cast<lastack::tcp::State>(i)), rfc9293::kStateNames[i]);
  }
}

/// POSIX offers no call for it, so nothing but the table speaks for the row.
TEST(Table, ListenBecomesActiveOnPaper) {
  using enum lastack::tcp::State;
  EXPECT_EQ(next(listen, lastack::tcp::Event::active_open), syn_sent);
}

}  // namespace
}  // namespace lastack_test
