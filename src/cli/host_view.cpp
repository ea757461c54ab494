#include "cli/host_view.hpp"

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

}  // namespace

std::string endpoint_text(const host::Endpoint& endpoint) {
  const std::string port = endpoint.port == 0 ? "*" : std::to_string(endpoint.port);
  const std::string address =
      endpoint.address.is_unspecified() ? "*" : endpoint.address.to_string();
  return (address.find(':') != std::string::npos ? "[" + address + "]" : address) + ":" + port;
}

nlohmann::json view_of(const host::Host& host, TimePoint now) {
  nlohmann::json rows = nlohmann::json::array();
  host.each([&](const host::View& view) {
    nlohmann::json row{{"state", to_string(view.state)},
                       {"local", endpoint_text(view.flow.local)},
                       {"remote", endpoint_text(view.flow.remote)},
                       {"recv_q", view.receive_queue},
                       {"send_q", view.send_queue},
                       {"since_ms", (now - view.since) / std::chrono::milliseconds(1)}};
    if (view.entry != nullptr) row["history"] = history_of(*view.entry, now);
    rows.push_back(std::move(row));
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
