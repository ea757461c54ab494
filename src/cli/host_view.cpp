#include "cli/host_view.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <variant>

namespace lastack::cli {
namespace {

nlohmann::json history_of(const host::ConnectionEntry& entry, TimePoint now) {
  nlohmann::json steps = nlohmann::json::array();
  for (std::size_t i = entry.history.kept(); i-- > 0;) {
    const auto step = entry.history.last(i);
    steps.push_back({{"ago_ms", (now - step.at) / std::chrono::milliseconds(1)},
                     {"from", to_string(step.transition.from)},
                     {"event", to_string(step.transition.event)},
                     {"to", to_string(step.transition.to)}});
  }
  return steps;
}

/// Linux counts our SYN and our FIN as well: snd.una has to pass them.
std::size_t send_queue_of(const host::View& view) {
  if (view.entry == nullptr) return view.send_queue;
  const tcp::Tcb& t = view.entry->connection.tcb();
  const bool syn = t.snd.una < 0;
  const bool fin = t.fin_queued && t.snd.una <= t.snd.end;
  return view.send_queue + (syn ? 1U : 0U) + (fin ? 1U : 0U);
}

/// A timer under the name that iproute2 gives it.
struct NamedTimer {
  const char* name = nullptr;  ///< null: none runs
  TimePoint due = kNever;
  unsigned retransmissions = 0;
};

NamedTimer timer_of(const host::View& view) {
  if (view.handshake != nullptr) {
    const tcp::SynRcvd& record = view.handshake->record;
    return {"on", record.next_deadline(), record.retransmissions};
  }
  if (view.time_wait != nullptr) return {"timewait", view.time_wait->record.next_deadline()};
  if (view.entry == nullptr) return {};
  const tcp::Connection& connection = view.entry->connection;
  const tcp::Timers& timers = connection.tcb().timers;
  if (timers.mode != tcp::Retransmission::off) {
    const bool persist = timers.mode == tcp::Retransmission::persist;
    return {persist ? "persist" : "on", timers.retransmission, timers.unanswered};
  }
  if (timers.state != kNever) return {"timewait", timers.state};
  const TimePoint keepalive = connection.keepalive_deadline();
  if (keepalive != kNever) return {"keepalive", keepalive, timers.keepalives};
  return {};
}

/// Linux calls its own NewReno so. Another controller has a name of its own to give.
const char* name_of(const tcp::NewReno&) { return "reno"; }

const char* name_of(tcp::Recovery::Phase phase) {
  switch (phase) {
    case tcp::Recovery::Phase::open: return "open";
    case tcp::Recovery::Phase::fast: return "fast";
    case tcp::Recovery::Phase::loss: return "loss";
  }
  return "?";
}

double in_ms(Duration span) { return std::chrono::duration<double, std::milli>(span).count(); }

Offset covered(const Box<tcp::RangeSet>& set) {
  Offset octets = 0;
  if (set) {
    for (const Range& range : set->ranges()) octets += range.size();
  }
  return octets;
}

void add_agreed(const tcp::Tcb& t, nlohmann::json& out) {
  if (!tcp::traits(t.state).synchronized) return;
  out["ts"] = static_cast<bool>(t.timestamps);
  out["sack"] = static_cast<bool>(t.sack);
  if (!t.window_scaling) return;
  out["snd_wscale"] = t.snd.scale;
  out["rcv_wscale"] = t.rcv.scale;
}

void add_congestion(const tcp::Connection& connection, nlohmann::json& out) {
  const tcp::Tcb& t = connection.tcb();
  const std::uint32_t mss = connection.smss();
  std::visit(
      [&](const auto& controller) {
        out["congestion"] = name_of(controller);
        if (controller.cwnd() == 0 || mss == 0) return;  // not before the handshake is over
        out["cwnd"] = controller.cwnd() / mss;
        out["cwnd_octets"] = controller.cwnd();
        if (controller.ssthresh() == UINT32_MAX) return;
        out["ssthresh"] = controller.ssthresh() / mss;
        out["ssthresh_octets"] = controller.ssthresh();
      },
      t.congestion);
  out["recovery"] = name_of(t.recovery.phase());
}

void add_times(const tcp::Connection& connection, TimePoint now, nlohmann::json& out) {
  const tcp::Tcb& t = connection.tcb();
  out["rto_ms"] = in_ms(connection.rto());
  out["backoff"] = t.timers.backoff;
  out["ato_ms"] = in_ms(connection.settings().delayed_ack);
  if (t.rtt.measured()) {
    out["rtt_ms"] = in_ms(t.rtt.srtt());
    out["rttvar_ms"] = in_ms(t.rtt.rttvar());
  }
  if (t.sent != TimePoint{}) out["lastsnd_ms"] = (now - t.sent) / 1ms;
  // Keepalive counts from a time that it moves itself once it has asked.
  if (t.heard != TimePoint{} && t.timers.keepalives == 0) out["lastack_ms"] = (now - t.heard) / 1ms;
}

void add_octets(const tcp::Tcb& t, nlohmann::json& out) {
  const Offset acked = std::clamp<Offset>(t.snd.una, 0, t.snd.end);
  const Offset sent = std::clamp<Offset>(t.snd.max, 0, t.snd.end);
  out["bytes_acked"] = acked;
  out["bytes_received"] = std::min(t.rcv.nxt, t.rcv.fin);
  out["unacked_octets"] = sent - acked;
  out["sacked_octets"] = covered(t.recovery.scoreboard());
  out["notsent"] = t.snd.end - sent;
  out["out_of_order_octets"] = covered(t.out_of_order);
  out["snd_wnd"] = t.snd.wnd;
  out["rcv_wnd"] = std::max<Offset>(t.rcv.edge - t.rcv.nxt, 0);
}

nlohmann::json internals_of(const host::ConnectionEntry& entry, const host::Host& host,
                            TimePoint now) {
  const tcp::Connection& connection = entry.connection;
  const tcp::Tcb& t = connection.tcb();
  const wire::IpAddress& remote = entry.flow.remote.address;
  const std::uint16_t mtu = host.mtu_for(remote.family());
  const std::uint32_t options = t.snd.mss - connection.smss();
  nlohmann::json out{{"mss", connection.smss()},
                     {"advmss", t.rcv.mss - options},
                     {"pmtu", std::min(mtu, host.path_mtu().of(remote, now).value_or(mtu))}};
  // A link that joins segments makes them look as large as may be, options counted.
  if (t.rcv.largest > 0)
    out["rcvmss"] = std::min<std::uint32_t>(t.rcv.largest, t.rcv.mss - options);
  add_agreed(t, out);
  add_congestion(connection, out);
  add_times(connection, now, out);
  add_octets(t, out);
  return out;
}

/// The remote end of one that has none is any of its own family.
host::Endpoint anybody(const host::Endpoint& local) {
  const bool v6 = local.address.family() == wire::Family::v6;
  return {v6 ? wire::IpAddress::from(std::array<std::byte, 16>{}) : wire::IpAddress{}, 0};
}

host::Flow shown_flow(const host::View& view) {
  host::Flow flow = view.flow;
  if (view.state == tcp::State::listen) flow.remote = anybody(flow.local);
  return flow;
}

nlohmann::json row_of(const host::UdpEntry& entry, TimePoint now) {
  const udp::UdpEndpoint& e = entry.endpoint;
  const tcp::State state = e.connected() ? tcp::State::established : tcp::State::closed;
  return {{"protocol", "udp"},
          {"state", to_string(state)},
          {"local", endpoint_text(e.local())},
          {"remote", endpoint_text(e.connected() ? e.remote() : anybody(e.local()))},
          {"recv_q", e.held()},
          {"send_q", 0},
          {"since_ms", (now - entry.since) / 1ms}};
}

nlohmann::json row_of(const host::View& view, const host::Host& host, TimePoint now) {
  const host::Flow flow = shown_flow(view);
  nlohmann::json row{{"protocol", "tcp"},
                     {"state", to_string(view.state)},
                     {"local", endpoint_text(flow.local)},
                     {"remote", endpoint_text(flow.remote)},
                     {"recv_q", view.receive_queue},
                     {"send_q", send_queue_of(view)}};
  if (view.since != TimePoint{}) row["since_ms"] = (now - view.since) / 1ms;
  const NamedTimer timer = timer_of(view);
  if (timer.name != nullptr && timer.due != kNever) {
    row["timer"] = {{"name", timer.name},
                    {"in_ms", std::max(timer.due - now, Duration(0)) / 1ms},
                    {"retransmissions", timer.retransmissions}};
  }
  if (view.entry != nullptr) {
    row["orphan"] = view.entry->orphan;
    row["tcp"] = internals_of(*view.entry, host, now);
    row["history"] = history_of(*view.entry, now);
  }
  return row;
}

}  // namespace

std::string endpoint_text(const host::Endpoint& endpoint) {
  const std::string text = endpoint.to_string();
  return endpoint.port == 0 ? text.substr(0, text.rfind(':')) + ":*" : text;
}

void each_row(const host::Host& host, TimePoint now,
              const std::function<bool(const nlohmann::json&)>& take) {
  bool more = true;
  host.each([&](const host::View& view) { more = more && take(row_of(view, host, now)); });
  host.udp_endpoints().each(
      [&](const host::UdpEntry& entry) { more = more && take(row_of(entry, now)); });
}

nlohmann::json view_of(const host::Host& host, TimePoint now) {
  nlohmann::json rows = nlohmann::json::array();
  each_row(host, now, [&rows](const nlohmann::json& row) {
    rows.push_back(row);
    return true;
  });
  return rows;
}

nlohmann::json counters_of(const link::TunTally& t) {
  return {{"sent", t.sent},
          {"refused", t.refused},
          {"received", t.received},
          {"runts", t.runts},
          {"bad_checksum", t.bad_checksum}};
}

/// Counters in an array as an object, each under the name of its reason.
template <typename Reason, typename Array>
nlohmann::json by_name(const Array& counts, std::size_t first = 0) {
  nlohmann::json out;
  for (std::size_t i = first; i < counts.size(); ++i) {
    out[std::string(to_string(static_cast<Reason>(i)))] = counts[i];
  }
  return out;
}

nlohmann::json counters_of(const host::Host& host) {
  const host::Counters& c = host.counters();
  nlohmann::json out{{"packets_in", c.packets_in},
                     {"packets_out", c.packets_out},
                     {"octets_in", c.octets_in},
                     {"octets_out", c.octets_out},
                     {"retransmissions", c.retransmissions},
                     {"resets_out", c.resets_out},
                     {"echo_replies", c.echo_replies},
                     {"not_for_us", c.not_for_us},
                     {"handed_over", c.handed_over},
                     {"bad_address", c.bad_address},
                     {"tcp_checksum", c.tcp_checksum},
                     {"syn_queue_full", c.syn_queue_full},
                     {"cookies_sent", c.cookies_sent},
                     {"cookies_received", c.cookies_received},
                     {"cookies_failed", c.cookies_failed},
                     {"accept_queue_full", c.accept_queue_full},
                     {"too_many", c.too_many},
                     {"unread_full", c.unread_full},
                     {"orphans_reset", c.orphans_reset},
                     {"time_wait_cut", c.time_wait_cut},
                     {"replies_dropped", c.replies_dropped},
                     {"events_lost", c.events_lost},
                     {"no_protocol", c.no_protocol},
                     {"no_payload", c.no_payload},
                     {"no_port", c.no_port},
                     {"reassembly_evicted", c.reassembly_evicted},
                     {"reassembly_timed_out", c.reassembly_timed_out},
                     {"icmp_errors_in", c.icmp_errors_in},
                     {"icmp_errors_out", c.icmp_errors_out},
                     {"icmp_errors_limited", c.icmp_errors_limited}};
  out["dropped"] = by_name<tcp::Drop>(c.dropped, 1);
  out["malformed"] = by_name<wire::ParseError>(c.malformed);
  out["pieces"] = by_name<ip::PieceFate>(c.pieces);
  out["icmp_dropped"] = by_name<host::IcmpDrop>(c.icmp_dropped);
  out["icmp_silent"] = by_name<ip::Silence>(c.icmp_silent, 1);
  return out;
}

}  // namespace lastack::cli
