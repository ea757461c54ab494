#include "sim/trial.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "sim/referee.hpp"
#include "sim/talker.hpp"
#include "sim/world.hpp"

namespace lastack::sim {
namespace {

constexpr std::uint16_t kFirstPort = 1000;
constexpr Duration kLongest = 12h;  ///< of virtual time, for all conversations together
constexpr Duration kToEnd = 2h;     ///< for what stays behind: retransmission limits, 2 MSL

class Trial {
 public:
  Trial(const Plan& plan, link::ByteSink* capture);
  TrialResult run();

 private:
  void add_hosts(link::ByteSink* capture);
  void add_conversations();
  [[nodiscard]] std::uint16_t port_of(std::size_t i, std::size_t side) const;
  [[nodiscard]] bool all_finished() const;
  [[nodiscard]] bool nothing_left();
  void judge_end();
  void judge_conversation(std::size_t i);
  [[nodiscard]] bool outlived(std::size_t i, std::size_t side) const;
  void judge_stream(std::size_t i, std::size_t to);
  void judge_counters(std::size_t i);
  void count();
  void fail(std::string what) { result_.failures.push_back(std::move(what)); }

  const Plan& plan_;
  World world_;
  Referee referee_;
  std::vector<Conversation> conversations_;
  std::array<wire::IpAddress, 2> addresses_;
  TrialResult result_;
};

/// Cuts the wire for a time.
class Outage final : public Program {
 public:
  Outage(World& world, const Plan& plan) : world_(&world), plan_(&plan) {}

  void run(TimePoint now) override {
    if (now < next_wake()) return;
    if (!cut_) {
      cut_ = true;
      world_->set_impairment(0, 1, {.loss = 1});
      world_->set_impairment(1, 0, {.loss = 1});
    } else {
      over_ = true;
      world_->set_impairment(0, 1, plan_->wire[0]);
      world_->set_impairment(1, 0, plan_->wire[1]);
    }
  }
  [[nodiscard]] TimePoint next_wake() const override {
    if (over_) return kNever;
    return World::kStart + plan_->outage_begins + (cut_ ? plan_->outage : Duration(0));
  }

 private:
  World* world_;
  const Plan* plan_;
  bool cut_ = false;
  bool over_ = false;
};

std::string name_of(std::size_t conversation, std::size_t side) {
  return "conversation " + std::to_string(conversation) + " side " + std::to_string(side);
}

Trial::Trial(const Plan& plan, link::ByteSink* capture)
    : plan_(plan), world_(plan.seed), conversations_(plan.conversations.size()) {
  result_.seed = plan.seed;
  add_hosts(capture);
  add_conversations();
}

void Trial::add_hosts(link::ByteSink* capture) {
  if (capture != nullptr) world_.capture_to(*capture);
  world_.watch(&referee_);
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string number = std::to_string(i + 1);
    const std::string text = plan_.v6 ? "fd00::" + number + "/64" : "10.0.0." + number + "/24";
    host::Config config;
    config.addresses = {*wire::Prefix::parse(text)};
    addresses_[i] = config.addresses[0].address;
    config.mtu = plan_.hosts[i].mtu;
    config.super_segment = plan_.hosts[i].super_segment;
    config.settings = tcp::SettingsPtr(plan_.hosts[i].settings);
    world_.add_host(std::move(config));
  }
  world_.add_wire(0, 1, plan_.wire[0], plan_.wire[1]);
}

/// Who listens has an even port. Who opens has the odd one behind it where it matters: where both
/// open, and where another conversation is to have the same ports.
std::uint16_t Trial::port_of(std::size_t i, std::size_t side) const {
  const ConversationPlan& plan = plan_.conversations[i];
  if (plan.same_ports) return port_of(i - 1, side);
  const bool repeated = i + 1 < plan_.conversations.size() && plan_.conversations[i + 1].same_ports;
  const auto even = static_cast<std::uint16_t>(kFirstPort + 2 * i);
  if (plan.simultaneous) return static_cast<std::uint16_t>(even + side);
  if (plan.opener != side) return even;
  return repeated ? static_cast<std::uint16_t>(even + 1) : std::uint16_t{0};
}

void Trial::add_conversations() {
  for (std::size_t i = 0; i < conversations_.size(); ++i) {
    Conversation& c = conversations_[i];
    c.plan = &plan_.conversations[i];
    c.violent = plan_.deadly();
    if (c.plan->same_ports) c.before = &conversations_[i - 1];
    for (std::size_t side = 0; side < 2; ++side) {
      const host::Endpoint own{addresses_[side], port_of(i, side)};
      const host::Endpoint peer{addresses_[1 - side], port_of(i, 1 - side)};
      world_.add_program(
          side, std::make_unique<Talker>(world_, side, c, own, peer, plan_.seed * 1000 + i * 2));
    }
  }
  if (plan_.outage > Duration(0)) world_.add_program(0, std::make_unique<Outage>(world_, plan_));
}

bool Trial::all_finished() const {
  return std::ranges::all_of(conversations_, &Conversation::finished);
}

bool Trial::nothing_left() {
  const host::Host& a = world_.host(0);
  const host::Host& b = world_.host(1);
  return a.flows() + a.connections() + b.flows() + b.connections() == 0;
}

TrialResult Trial::run() {
  const bool finished =
      world_.run_until([this] { return all_finished(); }, World::kStart + kLongest);
  if (world_.stands_still()) fail("time stands still: somebody is due for ever");
  if (!finished) fail("the programs did not finish in " + std::to_string(kLongest / 1h) + " hours");
  result_.took = world_.now() - World::kStart;
  if (finished) {
    const TimePoint limit = world_.now() + kToEnd;
    if (!world_.run_until([this] { return nothing_left(); }, limit)) {
      fail("connections or records are left " + std::to_string(kToEnd / 1h) +
           " hours after the end");
    }
    world_.run(2 * plan_.wire[0].delay + 10s);  // what is on the wire still arrives
    judge_end();
  }
  for (std::size_t i = 0; i < conversations_.size(); ++i) judge_conversation(i);
  for (std::size_t i = 0; i < 2; ++i) judge_counters(i);
  for (const std::string& what : referee_.faults()) fail(what);
  count();
  return std::move(result_);
}

/// Nobody holds anything any more: nor may a host.
void Trial::judge_end() {
  for (std::size_t i = 0; i < 2; ++i) {
    host::Host& host = world_.host(i);
    const auto none = [&](std::size_t count, const char* what) {
      if (count == 0) return;
      fail("host " + std::to_string(i) + " keeps " + std::to_string(count) + " " + what);
    };
    none(host.flows(), "flows");
    none(host.connections(), "connections");
    none(host.timers(), "timers");
    none(host.pool().in_use(), "blocks of its pool");
    none(world_.sockets(i).open_sockets(), "open sockets");
  }
}

void Trial::judge_conversation(std::size_t i) {
  const Conversation& c = conversations_[i];
  // The last ACK of a handshake, and the answers to all that ask for it, may be lost.
  const bool half_open = c.reports[0].opened != c.reports[1].opened && !plan_.clean();
  for (std::size_t side = 0; side < 2; ++side) {
    const Report& report = c.reports[side];
    const std::string who = name_of(i, side);
    if (!report.complaint.empty()) fail(who + ": " + report.complaint);
    judge_stream(i, side);
    if (c.violent || half_open || outlived(i, side)) continue;
    if (report.gave_up) fail(who + " waited in vain");
    if (report.error) fail(who + " was told " + std::string(to_string(*report.error)));
    if (report.finished && !report.saw_end) fail(who + " did not see the end of the stream");
  }
  if (c.plan->simultaneous && c.reports[0].opened && c.reports[1].opened) ++result_.both_opened;
}

/// Where 2 MSL are shorter than the peer's retransmissions take, as they never should be, its FIN
/// may find nobody: all has arrived, and what it gets is RST.
bool Trial::outlived(std::size_t i, std::size_t side) const {
  const Report& report = conversations_[i].reports[side];
  const Report& peer = conversations_[i].reports[1 - side];
  return plan_.hosts[1 - side].settings.msl < 30s && report.error == socket::Errno::econnreset &&
         peer.finished && peer.saw_end && !peer.error && !peer.gave_up;
}

/// Side `to` of conversation `i` has received the beginning of what the other side sent, and all of
/// it where nobody did anything against that.
void Trial::judge_stream(std::size_t i, std::size_t to) {
  const Conversation& c = conversations_[i];
  const Report& got = c.reports[to];
  const Report& gave = c.reports[1 - to];
  const Content content(plan_.seed * 1000 + i * 2 + (1 - to));
  const std::uint64_t received = got.received.size();
  result_.octets += received;
  if (received > gave.sent) {
    return fail(name_of(i, to) + " received " + std::to_string(received) + " of " +
                std::to_string(gave.sent) + " octets");
  }
  if (got.received.digest() != content.digest(received)) {
    fail(name_of(i, to) + " received other octets than were sent (" + std::to_string(received) +
         ", by SHA-256)");
  }
  if (c.violent || got.shut_read) return;
  if (received != gave.sent) {
    return fail(name_of(i, to) + " received " + std::to_string(received) + " of " +
                std::to_string(gave.sent) + " octets, and nobody cut it short");
  }
  if (to == 1 && c.reports[0].received.size() == c.reports[1].sent) ++result_.whole;
}

/// What hosts count agrees with what the wire did.
void Trial::judge_counters(std::size_t i) {
  const host::Counters& in = world_.host(i).counters();
  const link::ImpairmentTally& wire = world_.tally(1 - i, i);
  const std::string who = "host " + std::to_string(i);
  if (in.packets_in != wire.handed_on) fail(who + " counts other packets than the wire brought");
  if (world_.host(i).counters().packets_out != world_.tally(i, 1 - i).sent) {
    fail(who + " counts other packets than the wire took");
  }
  // Where damage makes one protocol of another, and of the source somebody else, the error that
  // answers it comes to a host that it is not for.
  const std::uint64_t answers =
      std::min(world_.tally(i, 1 - i).corrupted, world_.host(1 - i).counters().icmp_errors_out);
  const std::uint64_t bad = std::reduce(in.malformed.begin(), in.malformed.end()) +
                            in.tcp_checksum + in.not_for_us + in.bad_address;
  if (bad > wire.corrupted + 2 * answers) fail(who + " refused packets that nothing had damaged");
  if (bad < wire.corrupted && !plan_.v6) {
    // Damage that no checksum covers exists in IPv6's header only.
    fail(who + " took packets that were damaged");
  }
  if (plan_.clean() && in.retransmissions > 0) {
    fail(who + " sent " + std::to_string(in.retransmissions) +
         " segments again on a wire that loses nothing");
  }
}

void Trial::count() {
  result_.trace = world_.trace_hash();
  result_.packets = world_.packets();
  result_.conversations = static_cast<std::uint32_t>(conversations_.size());
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& taken = world_.host(i).counters().transitions;
    for (std::size_t row = 0; row < taken.size(); ++row) result_.transitions[row] += taken[row];
  }
}

}  // namespace

TrialResult run_trial(const Plan& plan, link::ByteSink* capture) {
  return Trial(plan, capture).run();
}

}  // namespace lastack::sim
