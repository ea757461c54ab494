// Filters in iproute2's words: what they let pass, and what they say of a wrong word.
#include "insight/filter.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace lastack::insight {
namespace {

using tcp::State;

std::vector<std::string> split(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

host::Flow flow(const std::string& local, const std::string& remote) {
  const auto from = Endpoint::parse(local);
  const auto to = Endpoint::parse(remote);
  EXPECT_TRUE(from && to) << local << " " << remote;
  return {from.value_or(Endpoint{}), to.value_or(Endpoint{})};
}

const host::Flow kFour = flow("10.0.0.1:80", "192.168.7.9:40001");
const host::Flow kSix = flow("[fd00::1]:443", "[fd00:0:0:1::2]:40002");
const host::Flow kListener = flow("0.0.0.0:80", "0.0.0.0:0");

Filter filter(const std::string& text) {
  const auto parsed = Filter::parse(split(text));
  EXPECT_TRUE(parsed) << text << ": " << parsed.error();
  return parsed.value_or(Filter{});
}

bool passes(const std::string& text, const host::Flow& flow, State state = State::established) {
  const bool apart = filter(text).matches(state, flow);
  const auto whole = Filter::parse(std::vector{text});  // quoted: one word
  EXPECT_TRUE(whole) << text;
  EXPECT_TRUE(whole == filter(text)) << text;
  return apart;
}

std::string error(const std::string& text) {
  const auto parsed = Filter::parse(split(text));
  return parsed ? "no error" : parsed.error();
}

std::string states(const std::string& text) {
  std::string all;
  for (std::size_t i = 0; i < tcp::kStateCount; ++i) {
    const auto state = static_cast<State>(i);
    if (filter(text).matches(state, kFour))
      all += (all.empty() ? "" : " ") + std::string(to_string(state));
  }
  return all;
}

TEST(Filter, WithoutWordsEverythingPasses) {
  EXPECT_EQ(states("").size(), states("state all").size());
  EXPECT_FALSE(filter("").names_states());
  EXPECT_TRUE(Filter{}.matches(State::listen, kListener));
  EXPECT_TRUE(Filter{} == filter(""));
}

TEST(Filter, StatesInIproutesWords) {
  EXPECT_EQ(states("state established"), "ESTABLISHED");
  EXPECT_EQ(states("state syn-sent"), "SYN_SENT");
  EXPECT_EQ(states("state syn-recv"), "SYN_RCVD");
  EXPECT_EQ(states("state fin-wait-1 state fin-wait-2"), "FIN_WAIT_1 FIN_WAIT_2");
  EXPECT_EQ(states("state time-wait"), "TIME_WAIT");
  EXPECT_EQ(states("state closed state listening"), "CLOSED LISTEN");
  EXPECT_EQ(states("state close-wait state last-ack state closing"), "CLOSE_WAIT CLOSING LAST_ACK");
  EXPECT_EQ(states("state bucket"), "SYN_RCVD TIME_WAIT");
  EXPECT_EQ(states("state all"),
            "CLOSED LISTEN SYN_SENT SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 CLOSE_WAIT CLOSING "
            "LAST_ACK TIME_WAIT");
  EXPECT_EQ(states("state big"),
            "CLOSED LISTEN SYN_SENT ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 CLOSE_WAIT CLOSING LAST_ACK");
  EXPECT_EQ(states("state connected"),
            "SYN_SENT SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 CLOSE_WAIT CLOSING LAST_ACK "
            "TIME_WAIT");
  EXPECT_EQ(states("state synchronized"),
            "SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 CLOSE_WAIT CLOSING LAST_ACK TIME_WAIT");
  EXPECT_TRUE(filter("state all").names_states());
}

TEST(Filter, TheClassicNamesAndThoseOfTheTable) {
  for (std::size_t i = 0; i < tcp::kStateCount; ++i) {
    const std::string name(to_string(static_cast<State>(i)));
    EXPECT_EQ(states("state " + name), name);
  }
  EXPECT_EQ(states("state ESTAB state UNCONN state SYN-RECV state LISTEN"),
            "CLOSED LISTEN SYN_RCVD ESTABLISHED");
}

TEST(Filter, ExcludedStates) {
  EXPECT_EQ(states("exclude big"), "SYN_RCVD TIME_WAIT");
  EXPECT_EQ(states("state connected exclude synchronized"), "SYN_SENT");
  EXPECT_EQ(states("exclude bucket exclude connected"), "CLOSED LISTEN");
  EXPECT_EQ(states("exclude established state established"), states("state all"));
  EXPECT_TRUE(filter("exclude listening").names_states());
}

TEST(Filter, StatesAndAnExpression) {
  EXPECT_TRUE(passes("state established sport = :80", kFour));
  EXPECT_FALSE(passes("state established sport = :80", kFour, State::close_wait));
  EXPECT_FALSE(passes("state established sport = :81", kFour));
  EXPECT_TRUE(filter("state listening sport = :80").matches(kFour));  // whatever the state
}

TEST(Filter, Ports) {
  const auto lower = [](const std::string& op) { return passes("sport " + op + " :79", kFour); };
  const auto same = [](const std::string& op) { return passes("sport " + op + " :80", kFour); };
  const auto higher = [](const std::string& op) { return passes("sport " + op + " 81", kFour); };
  for (const char* op : {"", "=", "==", "eq"}) EXPECT_TRUE(!lower(op) && same(op) && !higher(op));
  for (const char* op : {"!=", "ne", "neq"}) EXPECT_TRUE(lower(op) && !same(op) && higher(op));
  for (const char* op : {">", "gt"}) EXPECT_TRUE(lower(op) && !same(op) && !higher(op));
  for (const char* op : {"<", "lt"}) EXPECT_TRUE(!lower(op) && !same(op) && higher(op));
  for (const char* op : {">=", "ge", "geq"}) EXPECT_TRUE(lower(op) && same(op) && !higher(op));
  for (const char* op : {"<=", "le", "leq"}) EXPECT_TRUE(!lower(op) && same(op) && higher(op));
  EXPECT_TRUE(passes("dport = :40001", kFour));
  EXPECT_FALSE(passes("dport = :80", kFour));
  EXPECT_TRUE(passes("dport = :0", kListener));
  EXPECT_TRUE(passes("sport <= 65535", kFour));
}

TEST(Filter, PortsByName) {
  const auto port_of = [](std::string_view name) -> std::optional<std::uint16_t> {
    if (name == "http") return 80;
    return std::nullopt;
  };
  const auto named = Filter::parse(split("sport = :http and src 10.0.0.1:http"), port_of);
  ASSERT_TRUE(named) << named.error();
  EXPECT_TRUE(named->matches(kFour));
  EXPECT_FALSE(named->matches(kSix));
  EXPECT_FALSE(Filter::parse(split("sport = :https"), port_of));
  EXPECT_FALSE(Filter::parse(split("sport = :http")));
}

TEST(Filter, Addresses) {
  EXPECT_TRUE(passes("src 10.0.0.1", kFour));
  EXPECT_TRUE(passes("src = 10.0.0.1", kFour));
  EXPECT_FALSE(passes("src != 10.0.0.1", kFour));
  EXPECT_FALSE(passes("dst 10.0.0.1", kFour));
  EXPECT_TRUE(passes("dst 192.168.7.9:40001", kFour));
  EXPECT_FALSE(passes("dst 192.168.7.9:40002", kFour));
  EXPECT_TRUE(passes("dst != 192.168.7.9:40002", kFour));
  EXPECT_TRUE(passes("src [fd00::1]", kSix));
  EXPECT_TRUE(passes("src [fd00::1]:443", kSix));
  EXPECT_FALSE(passes("src [fd00::1]:444", kSix));
  EXPECT_TRUE(passes("src fd00::1", kSix));
  EXPECT_FALSE(passes("src fd00::2", kSix));
  EXPECT_FALSE(passes("src fd00::1:443", kSix));  // an address, too
  EXPECT_TRUE(passes("src :443", kSix));
  EXPECT_TRUE(passes("src *:443", kSix));
  EXPECT_FALSE(passes("src *:443", kFour));
  EXPECT_TRUE(passes("src *", kSix));
  EXPECT_TRUE(passes("src *:*", kFour));
  EXPECT_FALSE(passes("not src any", kFour));
  EXPECT_TRUE(passes("src 10.0.0.1:*", kFour));
  EXPECT_TRUE(passes("src [::ffff:10.0.0.1]", kFour));  // the same address
  EXPECT_TRUE(passes("src 0.0.0.0", kListener));
}

TEST(Filter, Prefixes) {
  EXPECT_TRUE(passes("dst 192.168.0.0/16", kFour));
  EXPECT_FALSE(passes("dst 192.168.6.0/24", kFour));
  EXPECT_TRUE(passes("dst 192.168.6.0/23", kFour));
  EXPECT_TRUE(passes("dst 192.168.7/24", kFour));  // iproute2's short form
  EXPECT_TRUE(passes("dst 192/8:40001", kFour));
  EXPECT_FALSE(passes("dst 192/8:40000", kFour));
  EXPECT_TRUE(passes("src 0.0.0.0/0", kFour));
  EXPECT_FALSE(passes("src 0.0.0.0/0", kSix));  // of the other family
  EXPECT_FALSE(passes("src [::/0]", kFour));
  EXPECT_TRUE(passes("src [::/0]", kSix));
  EXPECT_TRUE(passes("dst [fd00::]/16:40002", kSix));
  EXPECT_TRUE(passes("dst [fd00:0:0:1::/64]:40002", kSix));
  EXPECT_FALSE(passes("dst [fd00:0:0:2::/64]", kSix));
  EXPECT_TRUE(passes("dst != fd00::/64 and dst fd00::/16", kSix));
}

TEST(Filter, NotBindsMoreThanAndAndMoreThanOr) {
  // T is true of kFour and F is not.
  const auto value = [](std::string text) {
    for (const auto& [letter, term] :
         {std::pair{'T', "sport = :80"}, std::pair{'F', "sport = :1"}}) {
      for (std::size_t at = 0; (at = text.find(letter)) != std::string::npos;) {
        text.replace(at, 1, term);
      }
    }
    return passes(text, kFour);
  };
  EXPECT_TRUE(value("T or F and F"));
  EXPECT_TRUE(value("F and F or T"));
  EXPECT_FALSE(value("( T or F ) and F"));
  EXPECT_FALSE(value("F and ( F or T )"));
  EXPECT_TRUE(value("T or F F"));
  EXPECT_FALSE(value("T F or F"));
  EXPECT_TRUE(value("T T"));
  EXPECT_TRUE(value("not F and T"));
  EXPECT_FALSE(value("not T or F"));
  EXPECT_FALSE(value("not ( F and T or T )"));
  EXPECT_TRUE(value("! ! T"));
  EXPECT_TRUE(value("T && ! F"));
  EXPECT_TRUE(value("F | F || T & T"));
  EXPECT_TRUE(value("(T and(F or T))"));
  EXPECT_TRUE(value("!(F)T"));
  EXPECT_TRUE(value("T and not F and not ( F or F )"));
}

TEST(Filter, SignsMayTouchTheirNeighbours) {
  EXPECT_TRUE(passes("(sport>=:80&&dport!=:80)", kFour));
  EXPECT_TRUE(passes("!sport=:81", kFour));
  EXPECT_TRUE(passes("(src=10.0.0.1)|(dst=[fd00::1])", kFour));
}

TEST(Filter, LongExpressions) {
  std::string ports = "sport = :1";
  for (int i = 2; i < 5000; ++i) ports += " or sport = :" + std::to_string(i);
  EXPECT_TRUE(passes(ports, kFour));
  EXPECT_FALSE(passes("not ( " + ports + " )", kFour));
  std::string deep = "sport = :80";
  for (int i = 0; i < 14; ++i) deep = "( sport = :1 or dport > :1 and ( " + deep + " ) )";
  EXPECT_TRUE(passes(deep, kFour));
  std::string nots = "sport = :80";
  for (int i = 0; i < 28; ++i) nots = "not " + nots;
  EXPECT_TRUE(passes(nots, kFour));
  EXPECT_EQ(error(std::string(100'000, '(')),
            "the filter's parentheses and nots are more than 30 deep");
}

TEST(Filter, ErrorsNameTheWordAndWhatCouldStandThere) {
  EXPECT_EQ(error("sports = :80"),
            "'sports' can't stand first: expected src, dst, sport, dport, not or (");
  EXPECT_EQ(error("sport = :http"),
            "':http' can't stand after '=': expected a port from 0 to 65535, as in :80");
  EXPECT_EQ(error("sport = :65536"),
            "':65536' can't stand after '=': expected a port from 0 to 65535, as in :80");
  EXPECT_EQ(error("sport = 10.0.0.1:80"),
            "'10.0.0.1:80' can't stand after '=': expected a port from 0 to 65535, as in :80");
  EXPECT_EQ(error("sport"),
            "the filter ends after 'sport': expected =, !=, >, <, >=, <= or a port, as in :80");
  EXPECT_EQ(error("src"),
            "the filter ends after 'src': expected an address, as in 10.0.0.1, 10.0.0.0/8:80, "
            "[fd00::1]:80 or :80");
  EXPECT_EQ(error("src > 10.0.0.1"),
            "'>' can't stand after 'src': expected = or !=, since addresses have no order");
  EXPECT_EQ(error("src fd00::1:http"),
            "'fd00::1:http' can't stand after 'src': expected an IPv6 address in brackets, as in "
            "[fd00::1] or [fd00::1]:80");
  EXPECT_EQ(error("( sport = :80"), "the filter ends after ':80': expected and, or, or )");
  EXPECT_EQ(error("sport = :80 )"),
            "')' can't stand after ':80': expected and, or, or the end of the filter");
  EXPECT_EQ(error("sport = :80 xor dport = :80"),
            "'xor' can't stand after ':80': expected and, or, or the end of the filter");
  EXPECT_EQ(error("( sport = :80 xor dport = :80 )"),
            "'xor' can't stand after ':80': expected and, or, or )");
  EXPECT_EQ(error("sport = :80 or"),
            "the filter ends after 'or': expected src, dst, sport, dport, not or (");
  EXPECT_EQ(error("( )"), "')' can't stand after '(': expected src, dst, sport, dport, not or (");
  EXPECT_EQ(error("state estblished"),
            "'estblished' can't stand after 'state': expected established, syn-sent, syn-recv, "
            "fin-wait-1, fin-wait-2, time-wait, closed, close-wait, last-ack, listening, closing, "
            "all, connected, synchronized, bucket or big");
  EXPECT_EQ(error("state").substr(0, 30), "the filter ends after 'state':");
  EXPECT_EQ(error("sport = :80 state established"),
            "'state' can't stand in an expression: states come first, as in 'state established "
            "dport = :80'");
  EXPECT_EQ(error("state established exclude connected"),
            "no state is left after 'exclude connected'");
}

TEST(Filter, WhatIsNoAddressIsAnError) {
  for (const char* text :
       {"10.0.0", "10", "10.0.0.256", "10.0.0.0/33", "10.0.0.0/", "10.0.0.1:", "10.0.0.1:70000",
        "/8", "10.0.0.0.0/8", ":", "[fd00::1", "[fd00::1]x", "[10.0.0.1]", "[fd00::/129]",
        "fd00::/129", "[fd00::/8]/8", "example.org", "[]", "10..1/8"}) {
    EXPECT_NE(error(std::string("src ") + text).find("can't stand after 'src'"), std::string::npos)
        << text << ": " << error(std::string("src ") + text);
  }
}

}  // namespace
}  // namespace lastack::insight
