#include "worlds/generator.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/random.hpp"

namespace lastack::worlds {
namespace {

constexpr int kDontKnow = -1;
constexpr int kMore = 0x8000;  // MSG_MORE

/// Draws steps; it knows what is in its slots only so far that most calls are to the point.
class Generator {
 public:
  /// Where `holds_back` streams have MSG_MORE, too.
  Generator(std::uint64_t seed, bool holds_back) : random_(seed), holds_back_(holds_back) {}

  Script make() {
    const int first = below(20);
    if (first < 13) open_connection();
    if (first == 13) open_at_once();
    if (first >= 14 && first < 18) open_datagrams();
    const int steps = 15 + below(40);
    for (int i = 0; i < steps; ++i) script_.push_back(next());
    return std::move(script_);
  }

 private:
  enum class Kind : std::uint8_t { none, fresh, listener, connection, datagrams };

  int below(int n) { return static_cast<int>(random_.below(static_cast<std::uint32_t>(n))); }
  template <std::size_t N>
  int one_of(const std::array<int, N>& choices) {
    return choices[static_cast<std::size_t>(below(static_cast<int>(N)))];
  }
  Kind& kind(int slot) { return kinds_[static_cast<std::size_t>(slot)]; }
  int& side(int slot) { return sides_[static_cast<std::size_t>(slot)]; }

  /// A slot of such a kind, mostly; kDontKnow where there is none.
  int pick(Kind wanted) {
    std::vector<int> good;
    for (int i = 0; i < kSlots; ++i) {
      if (kind(i) == wanted) good.push_back(i);
    }
    if (good.empty()) return kDontKnow;
    return good[static_cast<std::size_t>(below(static_cast<int>(good.size())))];
  }
  int pick_any() {
    int slot =
        pick(below(4) == 0 ? Kind::listener : (below(4) == 0 ? Kind::fresh : Kind::connection));
    if (slot == kDontKnow || below(3) == 0) slot = std::max(slot, pick(Kind::datagrams));
    return slot == kDontKnow ? below(kSlots) : slot;
  }
  int free_slot() {
    const int slot = pick(Kind::none);
    return slot == kDontKnow ? below(kSlots) : slot;
  }

  void open_connection() {
    const int listener = free_slot();
    const int at = below(2);
    const int v6 = below(3) == 0 ? 1 : 0;
    script_.push_back({.op = Op::stream, .side = at, .slot = listener, .a = v6});
    kind(listener) = Kind::listener;
    side(listener) = at;
    const bool dual = v6 == 1 && below(3) == 0;  // an IPv4 client comes to "::"
    const int where = dual ? kAny : below(2);
    if (below(4) == 0) script_.push_back(only_v6(listener));
    script_.push_back({.op = Op::bind, .slot = listener, .a = 1, .b = where});
    script_.push_back({.op = Op::listen, .slot = listener, .a = below(4)});
    const int client = free_slot();
    const int v6_client = dual ? below(2) : v6;
    script_.push_back({.op = Op::stream, .side = 1 - at, .slot = client, .a = v6_client});
    kind(client) = Kind::connection;
    side(client) = 1 - at;
    const int mapped = dual && v6_client == 1 ? int{kOther} : 0;
    other_[static_cast<std::size_t>(client)] = mapped;
    script_.push_back({.op = Op::connect, .slot = client, .a = 1, .b = mapped});
    if (below(5) > 0) script_.push_back(script_.back());
    const int server = free_slot();
    script_.push_back({.op = Op::accept, .slot = listener, .to = server});
    kind(server) = Kind::connection;
    side(server) = at;
    const int from = dual && (v6_client == 0 || mapped != 0) ? int{kOther} : 0;
    other_[static_cast<std::size_t>(server)] = other_[static_cast<std::size_t>(listener)] = from;
  }

  /// Both connect to each other: SYN_RCVD in an open socket.
  void open_at_once() {
    const int v6 = below(3) == 0 ? 1 : 0;
    std::array<int, 2> made{};
    for (int at = 0; at < 2; ++at) {
      const int slot = made[static_cast<std::size_t>(at)] = free_slot();
      kind(slot) = Kind::connection;
      side(slot) = at;
      other_[static_cast<std::size_t>(slot)] = 0;
      script_.push_back({.op = Op::stream, .side = at, .slot = slot, .a = v6});
      script_.push_back({.op = Op::bind, .slot = slot, .a = 1, .b = below(2)});
    }
    script_.push_back({.op = Op::hold});
    held_ = crossed_ = true;
    for (const int slot : made) script_.push_back({.op = Op::connect, .slot = slot, .a = 1});
    for (int i = below(4); i > 0; --i) {
      if (below(2) == 0) script_.push_back({.op = Op::pass, .a = 1});
      script_.push_back(next());
    }
  }

  static Step only_v6(int slot) {
    const auto at = std::ranges::find_if(
        kOptionChoices, [](const OptionChoice& o) { return o.level == 41 && o.number == 26; });
    return {
        .op = Op::set, .slot = slot, .a = static_cast<int>(at - kOptionChoices.begin()), .b = 1};
  }

  void open_datagrams() {
    const int v6 = below(3) == 0 ? 1 : 0;
    for (int at = 0; at < 2; ++at) {
      const int made = free_slot();
      kind(made) = Kind::datagrams;
      side(made) = at;
      script_.push_back({.op = Op::datagrams, .side = at, .slot = made, .a = v6});
      if (below(4) > 0) script_.push_back({.op = Op::bind, .slot = made, .a = 1, .b = below(2)});
      other_[static_cast<std::size_t>(made)] = 0;
      if (below(3) == 0) script_.push_back({.op = Op::connect, .slot = made, .a = 1});
    }
  }
  /// Which address of a place, seldom one of the other family.
  int address() { return below(8) == 0 ? int{kOther} : 0; }

  /// One family for all of a socket's life: the kernel keeps an address of ours of each, and after
  /// IPv4 its SYN to IPv6 goes out from the IPv4 one, which nobody answers.
  int connects_to(int slot) {
    int& chosen = other_[static_cast<std::size_t>(slot)];
    if (chosen == kDontKnow) chosen = address();
    return chosen;
  }

  Step next();
  Step in_parts(int slot);
  Step opening(int what);
  Step option();

  Random random_;
  bool holds_back_;
  Script script_;
  std::array<Kind, kSlots> kinds_{};
  std::array<int, kSlots> sides_{};
  std::array<int, kSlots> other_ = [] {  ///< what connects_to() has said
    std::array<int, kSlots> none{};
    none.fill(kDontKnow);
    return none;
  }();
  bool held_ = false;
  /// SYNs have met on the wire. No other follows them: of what answers an earlier SYN RFC 9293
  /// looks at the sequence number first, Linux at the ACK.
  bool crossed_ = false;
};

Step Generator::opening(int what) {
  const int slot = pick_any();
  switch (what) {
    case 0: {
      const int made = free_slot();
      const bool stream = below(4) > 0;
      kind(made) = stream ? Kind::fresh : Kind::datagrams;
      side(made) = below(2);
      other_[static_cast<std::size_t>(made)] = kDontKnow;
      return {.op = stream ? Op::stream : Op::datagrams,
              .side = side(made),
              .slot = made,
              .a = below(4) == 0 ? 1 : 0};
    }
    case 1: {
      const int to = free_slot();
      kind(to) = kind(slot);
      side(to) = side(slot);
      other_[static_cast<std::size_t>(to)] = connects_to(slot);
      return {.op = Op::dup, .slot = slot, .to = to};
    }
    case 2: {
      const int fresh = below(2) == 0 ? pick(Kind::fresh) : pick(Kind::datagrams);
      const bool any = fresh == kDontKnow || below(4) == 0;
      return {.op = Op::bind,
              .slot = any ? slot : fresh,
              .a = below(kPlaces),
              .b = address() | below(2)};
    }
    case 3:
      if (crossed_) return {.op = Op::names, .slot = slot};
      if (kind(slot) == Kind::fresh) kind(slot) = Kind::listener;
      return {.op = Op::listen, .slot = slot, .a = below(4)};
    case 4:
      if (kind(slot) == Kind::fresh) kind(slot) = Kind::connection;
      if (below(8) == 0) return {.op = Op::disconnect, .slot = slot};
      if (crossed_) return {.op = Op::names, .slot = slot};
      return {.op = Op::connect,
              .slot = slot,
              .a = below(16) == 0 ? 0 : 1 + below(kPlaces - 1),
              .b = connects_to(slot)};
    default: {
      const int listener = pick(Kind::listener);
      const int from = listener == kDontKnow ? slot : listener;
      const int to = free_slot();
      kind(to) = Kind::connection;
      side(to) = side(from);
      other_[static_cast<std::size_t>(to)] = connects_to(from);
      return {.op = Op::accept, .slot = from, .to = to};
    }
  }
}

Step Generator::option() {
  const int slot = pick_any();
  const int which = below(static_cast<int>(kOptionChoices.size()));
  if (below(2) == 0) return {.op = Op::get, .slot = slot, .a = which};
  // A wire takes its time here: a user timeout of a millisecond is over before an ACK can come.
  const bool in_ms = kOptionChoices[static_cast<std::size_t>(which)].number == 18 &&
                     kOptionChoices[static_cast<std::size_t>(which)].level == 6;
  const int value = one_of(std::array{0, 1, 1, 5, 60, -1, 300});
  return {.op = Op::set, .slot = slot, .a = which, .b = in_ms ? value * 1000 : value};
}

/// MSG_MORE, what does not bring octets to who holds some back, and the rest. What octets do is not
/// said: Linux sends what it holds back where they take more memory than it has set aside.
Step Generator::in_parts(int slot) {
  for (int i = 1 + below(2); i > 0; --i) {
    const int octets = one_of(std::array{0, 1, 5, 1000, 3000});
    script_.push_back({.op = Op::send, .slot = slot, .a = octets, .b = kMore});
  }
  for (int i = below(4); i > 0; --i) {
    const int other = pick_any();
    switch (below(6)) {
      case 0: script_.push_back({.op = Op::shutdown, .slot = other, .a = below(3)}); break;
      case 1: script_.push_back({.op = Op::recv, .slot = other, .a = 5000}); break;
      case 2: script_.push_back({.op = Op::error, .slot = other}); break;
      case 3: script_.push_back({.op = Op::send, .slot = slot, .a = 1, .b = 0x1}); break;
      case 4:
        if (other != slot) script_.push_back({.op = Op::close, .slot = other});
        break;
      default: script_.push_back(option()); break;
    }
  }
  return {.op = Op::send, .slot = slot, .a = 5};
}

Step Generator::next() {
  const int slot = pick_any();
  switch (below(24)) {
    case 0: return opening(0);
    case 1: return opening(1);
    case 2: return opening(2);
    case 3: return opening(3);
    case 4:
    case 5: return opening(4);
    case 6:
    case 7: return opening(5);
    case 8:
      if (kind(slot) == Kind::datagrams) {
        return {.op = Op::send_to,
                .slot = slot,
                .to = address(),
                .a = one_of(std::array{0, 5, 3000}),
                .b = below(kPlaces)};
      }
      [[fallthrough]];
    case 9:
    case 10:
      if (kind(slot) == Kind::datagrams && below(3) == 0) {
        return {.op = Op::send, .slot = slot, .a = one_of(std::array{0, 5, 3000}), .b = kMore};
      }
      if (holds_back_ && kind(slot) == Kind::connection && !held_ && below(3) == 0) {
        return in_parts(slot);
      }
      return {.op = Op::send,
              .slot = slot,
              .a = one_of(std::array{0, 1, 5, 40, 100, 1000, 3000}),
              .b = one_of(std::array{0, 0, 0, 0, 0x4000, 0x1})};
    case 11:
    case 12:
    case 13:
      return {.op = Op::recv,
              .slot = slot,
              .a = one_of(std::array{0, 1, 10, 4999, 5000}),
              .b = one_of(std::array{0, 0, 0, 0x1, 0x2, 0x20, 0x22, 0x100})};
    case 14:
    case 15:
    case 16:
      return {.op = Op::shutdown, .slot = slot, .a = below(30) == 0 ? 3 - 4 * below(2) : below(3)};
    case 17:
    case 18: kind(slot) = Kind::none; return {.op = Op::close, .slot = slot};
    case 19: return {.op = Op::error, .slot = slot};
    case 20: return {.op = Op::names, .slot = slot};
    case 21: return option();
    case 22: held_ = true; return {.op = Op::hold};
    default: held_ = false; return {.op = Op::release};
  }
}

}  // namespace

Script random_script(std::uint64_t seed) { return Generator(seed, true).make(); }

namespace {

/// Which slots of a script are in use, and by whom.
class Hands {
 public:
  explicit Hands(std::uint64_t seed) : random_(seed) {}

  /// The same step, by one of the holders.
  Step given(Step step) {
    switch (step.op) {
      case Op::stream:
      case Op::datagrams:
        step.b = below(kHolders);
        used(step.slot) = true;
        break;
      case Op::dup:
        step.a = below(3);
        step.b = step.a > 0 ? below(kHolders) : 0;
        [[fallthrough]];
      case Op::accept: used(step.to) = true; break;
      case Op::close: used(step.slot) = false; break;
      default: break;
    }
    return step;
  }
  /// What else happens before a step: mostly nothing.
  std::optional<Step> more() {
    std::vector<int> in_use;
    std::vector<int> free;
    for (int i = 0; i < kSlots; ++i) (used(i) ? in_use : free).push_back(i);
    if (in_use.empty()) return std::nullopt;
    const int slot = in_use[static_cast<std::size_t>(below(static_cast<int>(in_use.size())))];
    const int what = below(40);
    if (what < 5 && free.size() > 3) return given({.op = Op::dup, .slot = slot, .to = free.back()});
    if (what == 5) return Step{.op = Op::exec, .slot = slot};
    if (what == 6) return Step{.op = Op::kill, .a = below(kHolders)};
    return std::nullopt;
  }

 private:
  int below(int n) { return static_cast<int>(random_.below(static_cast<std::uint32_t>(n))); }
  bool& used(int slot) { return used_[static_cast<std::size_t>(slot)]; }

  Random random_;
  std::array<bool, kSlots> used_{};
};

}  // namespace

Script random_script_of_holders(std::uint64_t seed) {
  Hands hands(seed);
  Script script;
  for (const Step& step : Generator(seed, false).make()) {
    if (step.op == Op::hold || step.op == Op::release || step.op == Op::pass) continue;
    if (const auto more = hands.more()) script.push_back(*more);
    script.push_back(hands.given(step));
  }
  return script;
}

Script shrunk(Script script, const std::function<bool(const Script&)>& differs) {
  for (std::size_t size = script.size() / 2; size > 0; size /= 2) {
    for (std::size_t at = 0; at + size <= script.size();) {
      Script shorter = script;
      const auto begin = shorter.begin() + static_cast<std::ptrdiff_t>(at);
      shorter.erase(begin, begin + static_cast<std::ptrdiff_t>(size));
      if (differs(shorter)) {
        script = std::move(shorter);
      } else {
        at += size;
      }
    }
  }
  return script;
}

}  // namespace lastack::worlds
