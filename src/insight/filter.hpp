// Which connections one wants to see, in the words of iproute2's ss: states, then an expression
// over addresses and ports.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/flow.hpp"
#include "tcp/state.hpp"

namespace lastack::insight {

/// state established dport = :443 and not src 10.0.0.0/8
///
///   FILTER := {state STATE | exclude STATE} [EXPRESSION]
///   EXPRESSION := comparisons with not (!), and (&, &&, or nothing between two), or (|, ||), the
///     first binding most, and parentheses
///   {sport | dport} [= == eq | != ne neq | > gt | < lt | >= ge geq | <= le leq] [:]PORT
///   {src | dst} [= == eq | != ne neq] HOST: "10.0.0.1", "10.0.0.0/8:80", "[fd00::1]:80",
///     "[fd00::/8]", ":80"; "*" stands for any address and any port. "fd00::1:80" is an address
///
/// A word may hold several, as a quoted expression does. `and` binds more than `or`, as ss(8) says;
/// iproute2 itself (6.1) reads them from left to right whatever they are.
class Filter {
 public:
  /// The port of a service of that name, as in /etc/services.
  using PortOf = std::function<std::optional<std::uint16_t>(std::string_view)>;

  /// Lets everything pass.
  Filter() = default;

  /// An error says which word is wrong, and what could stand there.
  [[nodiscard]] static std::expected<Filter, std::string> parse(std::span<const std::string> words,
                                                                const PortOf& port_of = {});

  [[nodiscard]] bool matches(tcp::State state, const host::Flow& flow) const;
  /// The expression alone, whatever the state.
  [[nodiscard]] bool matches(const host::Flow& flow) const;
  /// Whether the words named states: if not, all of them pass.
  [[nodiscard]] bool names_states() const { return names_states_; }
  [[nodiscard]] bool allows(tcp::State state) const {
    return (states_ >> static_cast<unsigned>(state) & 1U) != 0;
  }

  friend bool operator==(const Filter&, const Filter&) = default;

 private:
  friend class FilterParser;

  enum class Do : std::uint8_t { address, port, negate, both, either };
  enum class Side : std::uint8_t { local, remote };
  enum class Compare : std::uint8_t { equal, greater, less };

  /// Of the expression in postfix notation: a comparison, or what to do with the last results.
  struct Step {
    Do what{};
    Side side{};
    Compare compare{};
    std::uint16_t port = 0;
    Prefix prefix{};
    friend bool operator==(const Step&, const Step&) = default;
  };

  std::vector<Step> steps_;
  std::uint16_t states_ = 0xffff;
  bool names_states_ = false;
};

}  // namespace lastack::insight
