#include "cli/real_host.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <csignal>

#include "cli/command.hpp"
#include "cli/host_view.hpp"
#include "cli/link_view.hpp"
#include "cli/nstat_names.hpp"
#include "control/trace_events.hpp"

namespace lastack::cli {

RealHost::RealHost(const DeviceOptions& options)
    : config_(config_of(options)),
      device_(open_device(options, config_)),
      host_(config_, system_random()),
      sockets_(host_),
      driver_(host_, *device_),
      control_(loop_, [this](const nlohmann::json& request) { return answer(request); }) {
  driver_.on_event = [this](const host::HostEvent& event) {
    if (on_event) on_event(event, io::monotonic_now());
  };
  watch_device(true);
  if (signals_ < 0) throw Failure{"can't wait for signals", kFailed};
  loop_.add(signals_, [this] { signal_ = io::take_signal(signals_); });
  std::signal(SIGPIPE, SIG_IGN);
}

bool RealHost::speaks(wire::Family family) const {
  if (family == wire::Family::v6 && config_.link.autoconfigure) return true;
  return std::ranges::any_of(
      config_.addresses, [family](const wire::Prefix& p) { return p.address.family() == family; });
}

void RealHost::wait_for_addresses() {
  while (signal_ == 0 && !addresses_decided()) turn();
  while (signal_ == 0 && !device_->kernel_is_settled()) turn(io::monotonic_now() + 10ms);
  tell_news();
  if (signal_ == 0 && !addresses_left()) {
    throw Failure{"no address is left to the host\n  give others with --ip", kFailed};
  }
}

void RealHost::tell_if_unseen() const {
  if (control_.listening()) return;
  fmt::print(stderr,
             "lastack: ss will not see this host: {}\n"
             "  set XDG_RUNTIME_DIR to a folder of yours, with a short name\n",
             control_.why());
}

void RealHost::deliver(Duration most) {
  const TimePoint until = io::monotonic_now() + most;
  signal_ = 0;
  driver_.turn();
  while (signal_ == 0 && waits_for_ack() && io::monotonic_now() < until) turn(until);
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
  driver_.turn();
  tell_news();
  loop_.wait(std::min(driver_.next_deadline(), until));
  if (!device_->alive()) throw Failure{"the device was deleted", kFailed};
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
  if (on) {
    loop_.add(device_->descriptor(), [this] { driver_.receive(); });
  } else {
    loop_.remove(device_->descriptor());
  }
}

Counted RealHost::counted() const {
  Counted counted{.started = started_, .at = io::monotonic_now(), .counters = {}};
  counted.counters = named_counters(host_.counters());
  if (host_.link() != nullptr) add_named(host_.link()->counters(), counted.counters);
  add_named(device_->tally(), counted.counters);
  return counted;
}

nlohmann::json RealHost::answer(const nlohmann::json& request) {
  const std::string what = request.value("ask", "");
  if (what == "ss") return view_of(host_, io::monotonic_now());
  if (what == "trace") {
    return control::trace_answer(host_.trace(), request, io::monotonic_now(), io::wall_now());
  }
  if (what == "counters") {
    nlohmann::json counters = counters_of(host_);
    counters["device"] = counters_of(device_->tally());
    return counters;
  }
  if (what == "nstat") return counted().json();
  if (auto view = link_view(host_, what, io::monotonic_now())) return *view;
  if (what == "pause" || what == "resume") {
    const bool pause = what == "pause";
    if (pause != driver_.paused()) watch_device(!pause);
    driver_.pause(pause);
    return {{"paused", pause}};
  }
  return {{"error", "asked for '" + what + "', which is nothing I know"}};
}

}  // namespace lastack::cli
