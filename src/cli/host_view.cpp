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
                     {"accept_queue_full", c.accept_queue_full},
                     {"too_many", c.too_many}};
  for (std::size_t i = 1; i < c.dropped.size(); ++i) {
    out["dropped"][std::string(to_string(static_cast<tcp::Drop>(i)))] = c.dropped[i];
  }
  for (std::size_t i = 0; i < c.malformed.size(); ++i) {
    out["malformed"][std::string(to_string(static_cast<wire::ParseError>(i)))] = c.malformed[i];
  }
  return out;
}

}  // namespace lastack::cli
