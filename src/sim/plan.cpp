#include "sim/plan.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/random.hpp"

namespace lastack::sim {
namespace {

/// Draws of the kinds that plans need.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  bool chance(double p) { return random_.chance(p); }
  std::uint32_t below(std::uint32_t bound) { return random_.below(bound); }
  /// In [from, to].
  std::uint32_t between(std::uint32_t from, std::uint32_t to) {
    return from + random_.below(to - from + 1);
  }
  double upto(double most) { return most * static_cast<double>(random_.next() >> 11U) * 0x1p-53; }
  /// In [from, to], each magnitude as likely as another.
  std::uint64_t magnitude(double from, double to) {
    return static_cast<std::uint64_t>(std::round(from * std::pow(to / from, upto(1))));
  }
  template <typename T>
  T pick(std::initializer_list<T> choices) {
    return *(choices.begin() + random_.below(static_cast<std::uint32_t>(choices.size())));
  }

 private:
  Random random_;
};

/// Buffers from a single octet to a mebibyte.
std::uint32_t draw_buffer(Dice& dice) {
  switch (dice.below(8)) {
    case 0: return dice.between(1, 64);
    case 1: return dice.between(65, 536);
    case 2: return dice.between(537, 5000);
    case 3: return 65535 + dice.below(3);
    case 4: return 1U << 20U;
    default: return static_cast<std::uint32_t>(dice.magnitude(4096, 1 << 20));
  }
}

HostPlan draw_host(Dice& dice) {
  HostPlan host;
  host.mtu = dice.chance(0.4) ? dice.pick<std::uint16_t>({576, 1280, 1500, 9000, 65535})
                              : static_cast<std::uint16_t>(dice.magnitude(576, 65535));
  if (dice.chance(0.25))
    host.super_segment = static_cast<std::uint32_t>(dice.magnitude(2000, 64000));
  tcp::Settings& s = host.settings;
  s.receive_buffer = draw_buffer(dice);
  s.send_buffer = draw_buffer(dice);
  s.timestamps = dice.chance(0.6);
  s.sack = dice.chance(0.6);
  s.window_scaling = dice.chance(0.6);
  s.delayed_ack = std::chrono::milliseconds(dice.pick({1, 40, 40, 100, 200, 490}));
  s.rto_min = std::chrono::milliseconds(dice.pick({200, 200, 200, 1000}));
  s.msl = std::chrono::milliseconds(dice.pick({50, 1000, 30000}));
  s.fin_timeout = std::chrono::seconds(dice.pick({1, 60}));
  s.keepalive_idle = std::chrono::seconds(dice.pick({1, 10, 7200}));
  s.keepalive_interval = std::chrono::seconds(5);
  s.keepalive_probes = 40;
  if (dice.chance(0.05)) s.user_timeout = std::chrono::milliseconds(dice.magnitude(500, 60'000));
  s.close_as_linux(dice.chance(0.2));
  return host;
}

/// Bursts end soon enough that fifteen retransmissions in a row are never all lost.
link::Impairment draw_wire(Dice& dice) {
  link::Impairment wire;
  wire.delay = std::chrono::microseconds(dice.magnitude(10, 400'000));
  if (dice.chance(0.4)) wire.jitter = std::chrono::microseconds(dice.magnitude(10, 100'000));
  if (dice.chance(0.5)) wire.loss = dice.upto(0.2);
  if (dice.chance(0.2)) {
    wire.turns_bad = dice.upto(0.05);
    wire.turns_good = 0.6 + dice.upto(0.3);
    wire.loss /= 2;
    wire.burst_loss = 0.5 + dice.upto(0.5);
  }
  if (dice.chance(0.3)) wire.duplicate = dice.upto(0.3);
  if (dice.chance(0.3)) {
    wire.reorder = dice.upto(0.5);
    wire.reorder_by = std::chrono::microseconds(dice.magnitude(10, 300'000));
  }
  if (dice.chance(0.3)) wire.corrupt = dice.upto(0.1);
  if (dice.chance(0.4)) {
    wire.rate = dice.magnitude(20'000, 100'000'000);
    if (dice.chance(0.7)) wire.queue = dice.magnitude(5'000, 1'000'000);
  }
  return wire;
}

/// Nothing happens on it but time: what is sent again over this was sent again for nothing.
link::Impairment draw_quiet_wire(Dice& dice) {
  link::Impairment wire;
  wire.delay = std::chrono::microseconds(dice.magnitude(10, 200'000));
  if (dice.chance(0.5)) wire.jitter = std::chrono::microseconds(dice.magnitude(10, 10'000));
  return wire;
}

std::uint64_t draw_octets(Dice& dice, std::uint64_t most) {
  switch (dice.below(8)) {
    case 0: return 0;
    case 1: return dice.between(1, 10);
    case 2: return std::min(dice.magnitude(100'000, 1 << 20), most);
    default: return std::min(dice.magnitude(100, 100'000), most);
  }
}

/// The most octets of one call, so that some hundred calls move `octets` at most.
std::uint32_t draw_call(Dice& dice, std::uint64_t octets) {
  const auto call = static_cast<double>(std::clamp<std::uint64_t>(octets / 10, 10, 100'000));
  return static_cast<std::uint32_t>(dice.magnitude(call / 10, call * 2));
}

/// `small` is the smallest buffer on the way: it bounds what can be moved in reasonable work.
TalkerPlan draw_talker(Dice& dice, std::uint32_t small) {
  TalkerPlan t;
  t.octets = draw_octets(dice, 600ULL * std::min(small, 2000U));
  t.write_most = draw_call(dice, t.octets);
  if (dice.chance(0.4)) t.write_pauses = dice.upto(0.3);
  if (dice.chance(0.4)) t.read_pauses = dice.upto(0.3);
  t.pause_most = std::chrono::microseconds(dice.magnitude(100, 2'000'000));
  if (dice.chance(0.05)) {  // a window that stays closed for minutes
    t.pause_most = 200s;
    t.write_pauses = std::min(t.write_pauses, 0.02);
    t.read_pauses = std::min(t.read_pauses, 0.02);
  }
  if (!dice.chance(0.7)) t.ending = static_cast<Ending>(dice.between(2, kEndings - 1));
  t.moment = std::chrono::microseconds(dice.magnitude(1, 20'000'000));
  if (dice.chance(0.3)) t.extra_descriptors = dice.between(1, 3);
  if (dice.chance(0.2)) t.urgent = dice.upto(0.3);
  if (dice.chance(0.2)) t.peeks = dice.upto(0.5);
  t.no_delay = dice.chance(0.3);
  t.keepalive = dice.chance(0.2);
  return t;
}

std::uint32_t smallest_buffer(const Plan& plan) {
  std::uint32_t small = UINT32_MAX;
  for (const HostPlan& h : plan.hosts) {
    small = std::min({small, h.settings.receive_buffer, h.settings.send_buffer});
  }
  return small;
}

ConversationPlan draw_conversation(Dice& dice, const Plan& plan) {
  ConversationPlan c;
  c.opener = dice.below(2);
  c.simultaneous = dice.chance(0.15);
  c.start = std::chrono::microseconds(dice.magnitude(1, 2'000'000));
  if (dice.chance(0.7)) c.skew = std::chrono::microseconds(dice.magnitude(1, 100'000));
  if (dice.chance(0.7)) c.skew = std::min(c.skew, plan.wire[0].delay * 9 / 10);
  c.listener_stays = dice.chance(0.5);
  for (TalkerPlan& side : c.sides) side = draw_talker(dice, smallest_buffer(plan));
  for (std::size_t i = 0; i < 2; ++i) {  // as many calls as the other one's octets ask for
    c.sides[i].read_most = draw_call(dice, c.sides[1 - i].octets);
  }
  const auto orderly = [](const TalkerPlan& t) { return t.ending == Ending::half_close; };
  if (std::ranges::all_of(c.sides, orderly) && dice.chance(0.6)) {
    c.sides[dice.below(2)].ending = Ending::after_peer;  // both would wait for each other
  }
  return c;
}

}  // namespace

std::string_view to_string(Ending ending) {
  switch (ending) {
    case Ending::half_close: return "half-close";
    case Ending::after_peer: return "close after the peer";
    case Ending::shut_rd: return "SHUT_RD";
    case Ending::shut_rdwr: return "SHUT_RDWR";
    case Ending::close_early: return "early close";
    case Ending::abort: break;
  }
  return "abort";
}

bool Plan::deadly() const {
  constexpr Duration kHarmless = 30s;
  return outage > kHarmless || std::ranges::any_of(hosts, [](const HostPlan& h) {
           return h.settings.user_timeout > Duration(0);
         });
}

bool Plan::clean() const {
  if (outage > Duration(0)) return false;
  const auto& [one, other] = hosts;
  const bool prompt = one.settings.delayed_ack <= other.settings.rto_min / 2 &&
                      other.settings.delayed_ack <= one.settings.rto_min / 2;
  // A SYN is sent again to TIME_WAIT for as long as nobody listens any more.
  const bool unheard = std::ranges::any_of(conversations, [](const ConversationPlan& c) {
    const Ending ending = c.sides.at(1 - c.opener).ending;
    return c.same_ports && (ending == Ending::close_early || ending == Ending::abort);
  });
  return prompt && !unheard && std::ranges::all_of(wire, [](const link::Impairment& w) {
           return w.loss == 0 && w.turns_bad == 0 && w.duplicate == 0 && w.reorder == 0 &&
                  w.corrupt == 0 && w.rate == 0 && w.delay <= 200ms && w.jitter <= 10ms;
         });
}

namespace {

/// Text put together; this room has neither iostream nor std::format.
class Text {
 public:
  Text& operator<<(std::string_view text) {
    text_ += text;
    return *this;
  }
  Text& operator<<(std::uint64_t number) {
    text_ += std::to_string(number);
    return *this;
  }
  Text& operator<<(Duration span) {
    const auto us = span.count();
    if (us >= 10'000'000) return *this << static_cast<std::uint64_t>(us / 1'000'000) << " s";
    if (us >= 10'000) return *this << static_cast<std::uint64_t>(us / 1'000) << " ms";
    return *this << static_cast<std::uint64_t>(us) << " us";
  }
  /// `name` and a percentage, where that is not zero.
  Text& share(std::string_view name, double p) {
    const auto tenths = static_cast<std::uint64_t>(p * 1000);
    if (p == 0) return *this;
    return *this << ", " << name << " " << tenths / 10 << "." << tenths % 10 << " %";
  }
  Text& flag(std::string_view name, bool on) { return on ? *this << ", " << name : *this; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void describe(Text& text, const link::Impairment& w) {
  text << "delay " << w.delay;
  if (w.jitter > Duration(0)) text << ", jitter " << w.jitter;
  text.share("loss", w.loss).share("loss in bursts", w.burst_loss);
  text.share("duplicates", w.duplicate).share("reordered", w.reorder);
  if (w.reorder > 0) text << " by " << w.reorder_by;
  text.share("damaged", w.corrupt);
  if (w.rate > 0) text << ", " << w.rate << " octets/s";
  if (w.queue > 0) text << ", queue " << w.queue;
  text << "\n";
}

void describe(Text& text, const TalkerPlan& t) {
  text << t.octets << " octets by " << t.write_most << ", reads by " << t.read_most << ", "
       << to_string(t.ending);
  if (t.ending != Ending::half_close && t.ending != Ending::after_peer) text << " at " << t.moment;
  text.share("pauses writing", t.write_pauses).share("pauses reading", t.read_pauses);
  if (t.write_pauses > 0 || t.read_pauses > 0) text << " up to " << t.pause_most;
  text.share("urgent", t.urgent).share("peeks", t.peeks);
  text.flag("no delay", t.no_delay).flag("keepalive", t.keepalive);
  if (t.extra_descriptors > 0) text << ", " << t.extra_descriptors << " more descriptors";
  text << "\n";
}

void describe(Text& text, const HostPlan& h) {
  const tcp::Settings& s = h.settings;
  text << "MTU " << h.mtu << ", buffers " << s.receive_buffer << " in " << s.send_buffer << " out";
  if (h.super_segment > 0) text << ", super-segments of " << h.super_segment;
  text.flag("timestamps", s.timestamps).flag("SACK", s.sack);
  if (s.user_timeout > Duration(0)) text << ", user timeout " << s.user_timeout;
  text.flag("window scaling", s.window_scaling).flag("linux profile", s.shut_rd_keeps_buffered);
  text << ", delayed ACK " << s.delayed_ack << ", MSL " << s.msl << "\n";
}

}  // namespace

std::string describe(const Plan& plan) {
  Text text;
  text << "seed " << plan.seed << (plan.v6 ? ", IPv6" : ", IPv4") << "\n";
  for (std::size_t i = 0; i < 2; ++i) {
    text << "host " << i << ": ";
    describe(text, plan.hosts[i]);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    text << "wire from " << i << ": ";
    describe(text, plan.wire[i]);
  }
  if (plan.outage > Duration(0)) {
    text << "nothing passes for " << plan.outage << " from " << plan.outage_begins << " on\n";
  }
  for (std::size_t i = 0; i < plan.conversations.size(); ++i) {
    const ConversationPlan& c = plan.conversations[i];
    text << "conversation " << i << ": at " << c.start;
    text << (c.same_ports ? " after the one before, with its ports," : "");
    if (c.simultaneous) {
      text << " both open, side 1 later by " << c.skew << "\n";
    } else {
      text << " side " << c.opener << " opens\n";
    }
    for (std::size_t side = 0; side < 2; ++side) {
      text << "  side " << side << ": ";
      describe(text, c.sides[side]);
    }
  }
  return text.take();
}

namespace {

/// Somebody with the same ports again. What is still on the wire must be dead when TIME_WAIT ends.
void add_successor(Dice& dice, Plan& plan) {
  ConversationPlan& before = plan.conversations.back();
  if (before.simultaneous) return;
  ConversationPlan next = draw_conversation(dice, plan);
  next.simultaneous = false;
  next.opener = before.opener;
  next.same_ports = true;
  for (HostPlan& host : plan.hosts) host.settings.msl = 30s;
  plan.conversations.push_back(next);
}

}  // namespace

Plan draw_plan(std::uint64_t seed) {
  Dice dice(seed);
  Plan plan;
  plan.seed = seed;
  plan.v6 = dice.chance(0.5);
  for (HostPlan& host : plan.hosts) host = draw_host(dice);
  plan.wire[0] = dice.chance(0.15) ? draw_quiet_wire(dice) : draw_wire(dice);
  plan.wire[1] = dice.chance(0.5) ? plan.wire[0] : draw_wire(dice);
  const std::uint32_t conversations = dice.chance(0.5) ? 1 : dice.between(2, 5);
  for (std::uint32_t i = 0; i < conversations; ++i) {
    plan.conversations.push_back(draw_conversation(dice, plan));
    if (dice.chance(0.15)) add_successor(dice, plan);
  }
  if (dice.chance(0.15)) {
    plan.outage_begins = std::chrono::microseconds(dice.magnitude(1, 10'000'000));
    plan.outage = dice.chance(0.5) ? 1us * dice.magnitude(1'000, 30'000'000) : 10000s;
  }
  return plan;
}

}  // namespace lastack::sim
