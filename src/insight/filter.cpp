#include "insight/filter.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace lastack::insight {
namespace {

using StateSet = std::uint16_t;

constexpr StateSet only(tcp::State state) {
  return static_cast<StateSet>(1U << static_cast<unsigned>(state));
}

constexpr StateSet kAll = (1U << tcp::kStateCount) - 1U;
constexpr StateSet kConnected = kAll & ~(only(tcp::State::listen) | only(tcp::State::closed));
constexpr StateSet kBucket = only(tcp::State::syn_rcvd) | only(tcp::State::time_wait);

struct StateName {
  std::string_view name;
  StateSet states;
};

/// iproute2's words, then what its table shows, then the classic names ('_' counts as '-').
constexpr std::array kStateNames{
    StateName{"established", only(tcp::State::established)},
    StateName{"syn-sent", only(tcp::State::syn_sent)},
    StateName{"syn-recv", only(tcp::State::syn_rcvd)},
    StateName{"fin-wait-1", only(tcp::State::fin_wait_1)},
    StateName{"fin-wait-2", only(tcp::State::fin_wait_2)},
    StateName{"time-wait", only(tcp::State::time_wait)},
    StateName{"closed", only(tcp::State::closed)},
    StateName{"close-wait", only(tcp::State::close_wait)},
    StateName{"last-ack", only(tcp::State::last_ack)},
    StateName{"listening", only(tcp::State::listen)},
    StateName{"closing", only(tcp::State::closing)},
    StateName{"all", kAll},
    StateName{"connected", kConnected},
    StateName{"synchronized", kConnected & ~only(tcp::State::syn_sent)},
    StateName{"bucket", kBucket},
    StateName{"big", kAll & ~kBucket},
    StateName{"estab", only(tcp::State::established)},
    StateName{"unconn", only(tcp::State::closed)},
    StateName{"unconnected", only(tcp::State::closed)},
    StateName{"listen", only(tcp::State::listen)},
    StateName{"syn-rcvd", only(tcp::State::syn_rcvd)},
};
constexpr std::size_t kOfIproute = 16;  ///< of them are iproute2's words

std::optional<StateSet> states_named(std::string_view word) {
  std::string name(word);
  for (char& c : name) {
    if (c == '_') c = '-';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const auto* const at = std::ranges::find(kStateNames, name, &StateName::name);
  if (at == kStateNames.end()) return std::nullopt;
  return at->states;
}

std::string all_state_names() {
  std::string all;
  for (std::size_t i = 0; i < kOfIproute; ++i) {
    all += i == 0 ? "" : i + 1 < kOfIproute ? ", " : " or ";
    all += kStateNames[i].name;
  }
  return all;
}

/// Words apart at spaces and around the signs of an expression.
std::vector<std::string> tokens_of(std::span<const std::string> words) {
  constexpr std::string_view kSigns = "()!&|=<>";
  constexpr std::array<std::string_view, 6> kPairs{"&&", "||", "==", "!=", ">=", "<="};
  constexpr std::string_view kSpaces = " \t\n";
  std::vector<std::string> tokens;
  for (const std::string_view word : words) {
    for (std::size_t i = 0; i < word.size();) {
      if (kSpaces.contains(word[i])) {
        ++i;
        continue;
      }
      std::size_t size = 1;
      if (kSigns.contains(word[i])) {
        if (std::ranges::find(kPairs, word.substr(i, 2)) != kPairs.end()) size = 2;
      } else {
        const std::size_t end = std::min(word.find_first_of("()!&|=<> \t\n", i), word.size());
        size = end - i;
      }
      tokens.emplace_back(word.substr(i, size));
      i += size;
    }
  }
  return tokens;
}

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

/// "10.1/16" is short for "10.1.0.0/16".
std::optional<Prefix> parse_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  std::string full(text.substr(0, slash));
  if (slash != std::string_view::npos && !full.contains(':')) {
    for (auto dots = std::ranges::count(full, '.'); dots < 3; ++dots) full += ".0";
  }
  if (slash != std::string_view::npos) full += text.substr(slash);
  return Prefix::parse(full);
}

enum class Order : std::uint8_t { equal, unequal, greater, less, at_least, at_most };

std::optional<Order> order_named(std::string_view word) {
  if (word == "=" || word == "==" || word == "eq") return Order::equal;
  if (word == "!=" || word == "ne" || word == "neq") return Order::unequal;
  if (word == ">" || word == "gt") return Order::greater;
  if (word == "<" || word == "lt") return Order::less;
  if (word == ">=" || word == "ge" || word == "geq") return Order::at_least;
  if (word == "<=" || word == "le" || word == "leq") return Order::at_most;
  return std::nullopt;
}

}  // namespace

/// One token after the other; the first error stays, and ends it.
class FilterParser {
 public:
  FilterParser(std::vector<std::string> tokens, const Filter::PortOf& port_of)
      : tokens_(std::move(tokens)), port_of_(port_of) {}

  std::expected<Filter, std::string> parse() {
    states();
    if (more()) expression();
    if (error_.empty() && more()) wrong("and, or, or the end of the filter");
    if (!error_.empty()) return std::unexpected(error_);
    return std::move(filter_);
  }

 private:
  static constexpr std::string_view kTerms = "src, dst, sport, dport, not or (";

  [[nodiscard]] bool more() const { return error_.empty() && at_ < tokens_.size(); }
  [[nodiscard]] std::string_view word() const {
    return more() ? std::string_view(tokens_[at_]) : "";
  }
  bool take(std::string_view one, std::string_view other = "", std::string_view third = "") {
    const std::string_view is = word();
    if (is.empty() || (is != one && is != other && is != third)) return false;
    ++at_;
    return true;
  }

  [[nodiscard]] bool starts_states() const {
    return word() == "state" || word() == "exclude" || word() == "excl";
  }

  /// The word that is next, or that nothing is, can't stand there.
  void wrong(std::string_view expected) {
    if (!error_.empty()) return;
    if (starts_states() && !filter_.steps_.empty()) {
      error_ = "'" + tokens_[at_] + "' can't stand in an expression: states come first, as in " +
               "'state established dport = :80'";
      return;
    }
    const std::string before = at_ == 0 ? "" : " after '" + tokens_[at_ - 1] + "'";
    error_ = more() ? "'" + tokens_[at_] + "' can't stand" + (at_ == 0 ? " first" : before)
                    : "the filter ends" + before;
    error_ += ": expected ";
    error_ += expected;
  }

  void states() {
    StateSet set = 0;
    while (starts_states()) {
      const bool add = word() == "state";
      if (!filter_.names_states_ && !add) set = kAll;
      filter_.names_states_ = true;
      ++at_;
      const auto named = states_named(word());
      if (!named) return wrong(all_state_names());
      set = static_cast<StateSet>(add ? set | *named : set & ~*named);
      ++at_;
    }
    if (!filter_.names_states_) return;
    filter_.states_ = set;
    if (set == 0) error_ = "no state is left after 'exclude " + tokens_[at_ - 1] + "'";
  }

  void expression() {
    conjunction();
    while (take("or", "|", "||")) {
      conjunction();
      add({.what = Filter::Do::either});
    }
  }

  void conjunction() {
    term();
    while (more() && word() != ")" && word() != "or" && word() != "|" && word() != "||") {
      const bool between = take("and", "&", "&&");
      if (!between && !starts_term()) return;
      term();
      add({.what = Filter::Do::both});
    }
  }

  [[nodiscard]] bool starts_term() const {
    const std::string_view is = word();
    return is == "(" || is == "!" || is == "not" || is == "src" || is == "dst" || is == "sport" ||
           is == "dport";
  }

  void term() {
    // As many results wait in matches(): two for each level.
    constexpr int kDeepest = 30;
    if (!error_.empty()) return;
    if (++depth_ > kDeepest) {
      error_ = "the filter's parentheses and nots are more than 30 deep";
    } else if (take("!", "not")) {
      term();
      add({.what = Filter::Do::negate});
    } else if (take("(")) {
      expression();
      if (!take(")")) wrong("and, or, or )");
    } else if (word() == "src" || word() == "dst") {
      ++at_;
      host(tokens_[at_ - 1] == "src" ? Filter::Side::local : Filter::Side::remote);
    } else if (word() == "sport" || word() == "dport") {
      ++at_;
      port(tokens_[at_ - 1] == "sport" ? Filter::Side::local : Filter::Side::remote);
    } else {
      wrong(kTerms);
    }
    --depth_;
  }

  Order order() {
    const auto named = order_named(word());
    if (named) ++at_;
    return named.value_or(Order::equal);
  }

  [[nodiscard]] std::optional<std::uint16_t> port_in(std::string_view text) const {
    const auto value = number(text);
    if (value && *value <= 0xffff) return static_cast<std::uint16_t>(*value);
    if (value || text.empty() || !port_of_) return std::nullopt;
    return port_of_(text);
  }

  void port(Filter::Side side) {
    const bool ordered = order_named(word()).has_value();
    const Order order = this->order();
    const std::string_view text = word();
    const auto port = port_in(text.starts_with(':') ? text.substr(1) : text);
    if (!port) {
      return wrong(ordered ? "a port from 0 to 65535, as in :80"
                           : "=, !=, >, <, >=, <= or a port, as in :80");
    }
    ++at_;
    using enum Filter::Compare;
    const bool above = order == Order::greater || order == Order::at_most;
    const bool below = order == Order::less || order == Order::at_least;
    add({Filter::Do::port, side, above ? greater : below ? less : equal, *port, {}});
    // What is not above is at most, and so on.
    if (order == Order::unequal || order == Order::at_most || order == Order::at_least) {
      add({.what = Filter::Do::negate});
    }
  }

  /// HOST: an address, a port, or both; at least a step, "*" included.
  void host(Filter::Side side) {
    const Order order = this->order();
    if (order != Order::equal && order != Order::unequal) {
      --at_;
      return wrong("= or !=, since addresses have no order");
    }
    const std::string_view text = word();
    if (!address_alone(side, text) && !address_and_port(side, text)) return wrong_host();
    ++at_;
    if (order == Order::unequal) add({.what = Filter::Do::negate});
  }

  /// IPv6 without brackets: all of it is the address.
  bool address_alone(Filter::Side side, std::string_view text) {
    const auto prefix = text.contains(':') ? Prefix::parse(text) : std::nullopt;
    if (prefix) add({Filter::Do::address, side, Filter::Compare::equal, 0, *prefix});
    return prefix.has_value();
  }

  bool address_and_port(Filter::Side side, std::string_view text) {
    std::string_view address = text;
    std::string_view port_text;
    const std::size_t colon = text.rfind(':');
    const std::size_t bracket = text.rfind(']');
    if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
      address = text.substr(0, colon);
      port_text = text.substr(colon + 1);
      if (port_text.empty()) return false;
    }
    const bool any_address = address.empty() || address == "*" || address == "any";
    const bool any_port = port_text.empty() || port_text == "*";
    if (address.empty() && port_text.empty()) return false;
    if (!any_address) {
      const auto prefix = bracketed(address);
      if (!prefix) return false;
      add({Filter::Do::address, side, Filter::Compare::equal, 0, *prefix});
    }
    if (!any_port) {
      const auto port = port_in(port_text);
      if (!port) return false;
      add({Filter::Do::port, side, Filter::Compare::equal, *port, {}});
    } else if (any_address) {  // a port is never less than 0
      add({Filter::Do::port, side, Filter::Compare::less, 0, {}});
      add({.what = Filter::Do::negate});
    }
    if (!any_address && !any_port) add({.what = Filter::Do::both});
    return true;
  }

  /// IPv6 in brackets, the prefix's length inside, as iproute2 has it, or behind them.
  static std::optional<Prefix> bracketed(std::string_view text) {
    if (!text.starts_with('[')) {
      return text.contains(':') ? std::nullopt : parse_prefix(text);
    }
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string inside =
        std::string(text.substr(1, end - 1)) + std::string(text.substr(end + 1));
    return inside.contains(':') ? Prefix::parse(inside) : std::nullopt;
  }

  void wrong_host() {
    if (word().contains("::") && !word().contains('[')) {
      return wrong("an IPv6 address in brackets, as in [fd00::1] or [fd00::1]:80");
    }
    wrong("an address, as in 10.0.0.1, 10.0.0.0/8:80, [fd00::1]:80 or :80");
  }

  void add(const Filter::Step& step) { filter_.steps_.push_back(step); }

  std::vector<std::string> tokens_;
  const Filter::PortOf& port_of_;
  std::size_t at_ = 0;
  int depth_ = 0;
  Filter filter_;
  std::string error_;
};

std::expected<Filter, std::string> Filter::parse(std::span<const std::string> words,
                                                 const PortOf& port_of) {
  return FilterParser(tokens_of(words), port_of).parse();
}

bool Filter::matches(tcp::State state, const host::Flow& flow) const {
  return allows(state) && matches(flow);
}

bool Filter::matches(const host::Flow& flow) const {
  if (steps_.empty()) return true;
  std::uint64_t results = 0;  // a stack of bits, the last one lowest
  for (const Step& step : steps_) {
    const Endpoint& end = step.side == Side::local ? flow.local : flow.remote;
    bool is = false;
    switch (step.what) {
      case Do::address: is = step.prefix.contains(end.address); break;
      case Do::port:
        is = step.compare == Compare::equal     ? end.port == step.port
             : step.compare == Compare::greater ? end.port > step.port
                                                : end.port < step.port;
        break;
      case Do::negate: results ^= 1U; continue;
      case Do::both:
      case Do::either: {
        const bool last = (results & 1U) != 0;
        const bool first = (results >> 1U & 1U) != 0;
        results >>= 2U;
        is = step.what == Do::both ? first && last : first || last;
        break;
      }
    }
    results = results << 1U | (is ? 1U : 0U);
  }
  return (results & 1U) != 0;
}

}  // namespace lastack::insight
