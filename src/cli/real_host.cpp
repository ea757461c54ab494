#include "cli/real_host.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <csignal>

#include "cli/command.hpp"
#include "cli/crew.hpp"
#include "cli/host_view.hpp"
#include "cli/link_view.hpp"
#include "cli/nstat_names.hpp"
#include "control/trace_events.hpp"

namespace lastack::cli {
namespace {

constexpr Duration kMostChallenge = 200ms;  // that a peer may take to challenge a reset

host::Config shared_config(const DeviceOptions& options, const host::Share& share, bool loops) {
  host::Config config = config_of(options);
  config.share = share;
  config.loops_over_link |= loops;
  return config;
}

}  // namespace

RealHost::RealHost(const DeviceOptions& options, Place place)
    : others_(place.others),
      share_(place.share),
      signals_(share_.index == 0 ? io::stop_signals() : -1),
      device_name_(options.tap.empty() ? options.tun : options.tap),
      config_(shared_config(options, share_, place.loops_over_link)),
      device_(place.device || device_name_.empty() ? std::move(place.device)
                                                   : open_device(options, config_)),
      itself_(config_.mtu),
      given_(place.link),
      wires_(place.wires),
      wire_(given_ != nullptr ? nullptr : wire_around(bare_link(), options)),
      host_(config_, system_random()),
      sockets_(host_),
      driver_(host_, link_for(place)) {
  if (others_ != nullptr) driver_.share_with(*others_);
  loop_.poll_busily(Duration(options.busy_poll));
  driver_.on_event = [this](const host::HostEvent& event, TimePoint now) {
    if (on_event) on_event(event, now);
  };
  watch_device(true);
  for (const io::Way way : {io::Way::in, io::Way::out}) pause(way, options.paused);
  if (share_.index > 0) return;
  control_.emplace(loop_,
                   [this](const nlohmann::json& request) { return answer_for_all(request); });
  if (signals_ < 0) throw Failure{"can't wait for signals", kFailed};
  loop_.add(signals_, [this] { signal_ = io::take_signal(signals_); });
  std::signal(SIGPIPE, SIG_IGN);
}

link::Link& RealHost::bare_link() {
  if (given_ != nullptr) return *given_;
  return device_ ? static_cast<link::Link&>(*device_) : itself_;
}

link::Link& RealHost::link_for(const Place& place) {
  link::Link& link = wire_ ? static_cast<link::Link&>(*wire_) : bare_link();
  return place.around ? place.around(link) : link;
}

bool RealHost::speaks(wire::Family family) const {
  if (family == wire::Family::v6 && config_.link.autoconfigure) return true;
  return std::ranges::any_of(
      config_.addresses, [family](const wire::Prefix& p) { return p.address.family() == family; });
}

void RealHost::wait_for_addresses() {
  while (signal_ == 0 && !addresses_decided()) turn();
  while (signal_ == 0 && device_ && !device_->kernel_is_settled()) turn(io::monotonic_now() + 10ms);
  tell_news();
  if (signal_ == 0 && !addresses_left()) {
    throw Failure{"no address is left to the host\n  give others with --ip", kFailed};
  }
}

void RealHost::tell_if_unseen() const {
  if (!control_ || control_->listening()) return;
  fmt::print(stderr,
             "lastack: ss will not see this host: {}\n"
             "  set XDG_RUNTIME_DIR to a folder of yours, with a short name\n",
             control_->why());
}

void RealHost::deliver(Duration most) {
  const TimePoint until = io::monotonic_now() + most;
  signal_ = 0;
  driver_.turn();
  answer_challenges();
  while (signal_ == 0 && waits_for_ack() && io::monotonic_now() < until) turn(until);
}

/// A peer that lacks octets of those that we sent challenges our reset (RFC 5961 §3). Where nobody
/// answers that with one that is exact, it keeps the connection.
void RealHost::answer_challenges() {
  if (host_.counters().resets_out == resets_before_) return;
  const TimePoint until = io::monotonic_now() + kMostChallenge;
  while (io::monotonic_now() < until) turn(until);
}

void RealHost::settle() {
  constexpr int kMostRounds = 64;  // two programs may talk on and on
  for (int i = 0; i < kMostRounds && driver_.turn(); ++i) {
  }
}

void RealHost::flush() {
  driver_.turn();
  while (wire_ && wire_->out().held() > 0 && !driver_.paused(io::Way::out)) {
    loop_.wait(driver_.next_deadline());
    driver_.turn();
  }
  answer_challenges();
}

/// Whether a connection has octets, or its FIN, that were not acknowledged.
bool RealHost::waits_for_ack() const {
  bool waits = false;
  host_.each([&waits](const host::View& view) {
    waits |= tcp::traits(view.state).closing && view.state != tcp::State::fin_wait_2 &&
             view.state != tcp::State::time_wait;
  });
  return waits;
}

void RealHost::turn(TimePoint until) {
  const bool due = driver_.next_deadline() <= io::monotonic_now();
  driver_.turn();
  tell_news();
  // Who is not called looks for what has changed between turns: a timer may have ended what it
  // waits for, and nothing else comes.
  const bool look = due && !on_event;
  wait(look ? TimePoint{} : until);
}

void RealHost::wait(TimePoint until) {
  loop_.wait(std::min(driver_.next_deadline(), until));
  resets_before_ = host_.counters().resets_out;
  if (device_ && !device_->alive()) {
    throw Failure{
        fmt::format(
            "{} was deleted, and all connections with it\n"
            "  start again to make it anew, or as root:  ip tuntap add dev {} mode {} user {}",
            device_name_, device_name_,
            host_.config().medium == host::Medium::ethernet ? "tap" : "tun", user_name()),
        kFailed};
  }
}

void RealHost::tell_news() {
  ip::LinkNews news;
  while (host_.next_link_event(news)) fmt::print(stderr, "lastack: {}\n", sentence(news));
}

/// On Ethernet others are asked first whether they have one of our addresses.
bool RealHost::addresses_decided() const {
  if (host_.link() == nullptr) return true;
  const auto all = host_.link()->addresses();
  return !all.empty() && std::ranges::none_of(all, [](const ip::OwnAddress& a) {
    return a.state == ip::AddressState::tentative;
  });
}

/// Of those that were asked for; a link-local one comes by itself and serves nobody far.
bool RealHost::addresses_left() const {
  if (host_.link() == nullptr || config_.addresses.empty()) return !host_.addresses().empty();
  return std::ranges::any_of(config_.addresses,
                             [this](const auto& p) { return host_.is_local(p.address); });
}

void RealHost::watch_device(bool on) {
  const int handed_over = others_ != nullptr ? others_->descriptor(share_.index) : -1;
  if (!device_) return;
  if (on) {
    driver_.watch(loop_, device_->descriptor());
    if (others_ != nullptr) loop_.add(handed_over, [this] { driver_.receive_handed_over(); });
  } else {
    loop_.remove(device_->descriptor());
    if (others_ != nullptr) loop_.remove(handed_over);
  }
}

Counted RealHost::counted() const {
  Counted counted{.started = started_, .at = io::monotonic_now(), .counters = {}};
  counted.counters = named_counters(host_.counters());
  if (host_.link() != nullptr) add_named(host_.link()->counters(), counted.counters);
  if (device_) add_named(device_->tally(), counted.counters);
  counted.counters.emplace_back("LastackDeviceNotHandedOver", driver_.not_handed_over());
  return counted;
}

/// What can't be told of all at once is that of the first, or of the one that "queue" names.
control::Said RealHost::answer_for_all(const nlohmann::json& request) {
  const std::string what = control::word_of(request, "ask");
  if (what == "ss") {
    return {[this, request](const control::TakeRow& take) { each_row_of_all(request, take); }};
  }
  if (what == "trace" || what == "pass" || what == "lose") {
    const auto named = request.find("queue");
    const bool known = named != request.end() && named->is_number_unsigned();
    const std::uint64_t queue = known ? named->get<std::uint64_t>() : 0;
    if (queue > 0 && (queue >= share_.of || !ask_other)) {
      return nlohmann::json{{"error", "there is no such queue"}};
    }
    return queue == 0 ? answer(request) : ask_other(queue, request);
  }
  if (!ask_other) return answer(request);
  std::vector<nlohmann::json> answers{answer(request)};
  for (std::size_t i = 1; i < share_.of; ++i) answers.push_back(ask_other(i, request));
  return merged(what, std::move(answers));
}

/// Of several hosts each row says whose it is.
void RealHost::each_row_here(const control::TakeRow& take) const {
  const auto describe = describe_rows ? describe_rows() : nullptr;
  each_row(host_, io::monotonic_now(), [&](const nlohmann::json& row) {
    if (share_.of == 1 && !describe) return take(row);
    nlohmann::json named = row;
    if (share_.of > 1) named["queue"] = share_.index;
    if (describe) describe(named);
    return take(named);
  });
}

void RealHost::each_row_of_all(const nlohmann::json& request, const control::TakeRow& take) {
  bool more = true;
  const control::TakeRow while_wanted = [&](const nlohmann::json& row) {
    more = take(row);
    return more;
  };
  each_row_here(while_wanted);
  for (std::size_t i = 1; ask_other && more && i < share_.of; ++i) {
    const nlohmann::json rows = ask_other(i, request);
    if (!rows.is_array()) continue;
    for (const nlohmann::json& row : rows) {
      if (more) while_wanted(row);
    }
  }
}

nlohmann::json RealHost::all_counters() const {
  nlohmann::json counters = counters_of(host_);
  if (device_) counters["device"] = counters_of(device_->tally());
  counters["device"]["not_handed_over"] = driver_.not_handed_over();
  if (wire_) counters["wire"] = counters_of(wire_->out(), wire_->in());
  if (wires_ != nullptr) counters["wire"] = counters_of(wires_->out, wires_->in);
  return counters;
}

nlohmann::json RealHost::answer(const nlohmann::json& request) {
  const std::string what = control::word_of(request, "ask");
  if (what == "ss") {
    nlohmann::json rows = nlohmann::json::array();
    each_row_here([&rows](const nlohmann::json& row) {
      rows.push_back(row);
      return true;
    });
    return rows;
  }
  if (what == "trace") {
    auto trace = control::trace_answer(host_.trace(), request, io::monotonic_now(), io::wall_now());
    if (share_.of > 1) trace["queues"] = share_.of;
    return trace;
  }
  if (what == "counters") return all_counters();
  if (what == "nstat") return counted().json();
  if (auto view = link_view(host_, what, io::monotonic_now())) return *view;
  if (auto done = answer_about_link(what, control::word_of(request, "way"))) return *done;
  return nlohmann::json{{"error", "asked for '" + what + "', which is nothing I know"}};
}

void RealHost::pause(io::Way way, bool on) {
  if (way == io::Way::in && on != driver_.paused(way)) watch_device(!on);
  driver_.pause(way, on);
}

/// Requests that stop the link, let it go on, or handle one packet of a way that is stopped.
std::optional<nlohmann::json> RealHost::answer_about_link(const std::string& what,
                                                          const std::string& way) {
  using io::Way;
  if (!way.empty() && way != "in" && way != "out") {
    return nlohmann::json{{"error", "'" + way + "' is no way of a link: in or out"}};
  }
  if (what == "pause" || what == "resume") {
    if (way != "out") pause(Way::in, what == "pause");
    if (way != "in") pause(Way::out, what == "pause");
    return nlohmann::json{
        {"paused", {{"in", driver_.paused(Way::in)}, {"out", driver_.paused(Way::out)}}}};
  }
  if (what != "pass" && what != "lose") return std::nullopt;
  const Way one = way == "out" ? Way::out : Way::in;
  if (way.empty() || !driver_.paused(one)) {
    return nlohmann::json{
        {"error", "to " + what + " one packet, name a way that is paused: in or out"}};
  }
  const bool stepped = driver_.step(one, what == "pass" ? io::Fate::passes : io::Fate::is_lost);
  return nlohmann::json{{"packets", stepped ? 1 : 0}};
}

}  // namespace lastack::cli
