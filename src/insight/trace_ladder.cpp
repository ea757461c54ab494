#include "insight/trace_ladder.hpp"

#include <algorithm>
#include <utility>

#include "insight/label.hpp"

namespace lastack::insight {
namespace {

using host::TraceEvent;
using Kind = LadderEvent::Kind;

/// A door of the host, in the words of the call that led to it.
std::string call_text(const TraceEvent& event) {
  using Call = TraceEvent::Call;
  switch (event.call) {
    case Call::connect: return "connect()";
    case Call::accept: return "accept()";
    case Call::send: return "send " + std::to_string(event.octets);
    case Call::receive: return "recv = " + std::to_string(event.octets);
    case Call::close: return "SHUT_WR";
    case Call::discard_receive: return "SHUT_RD";
    case Call::orphan: return "close()";
    case Call::abort: return "abort";
    case Call::none: break;
  }
  return "?";
}

/// Why a segment went that nobody would expect; empty for the ordinary ones.
std::string why_text(const TraceEvent& event) {
  switch (event.why) {
    case tcp::Why::timeout: return "RTO " + std::to_string(event.attempt);
    case tcp::Why::fast_retransmit: return "fast rexmit";
    case tcp::Why::probe: return "window probe";
    case tcp::Why::keepalive: return "keepalive";
    default: return {};
  }
}

}  // namespace

std::string endpoint_text(const host::Endpoint& endpoint) {
  const std::string address = endpoint.address.to_string();
  const std::string port = ":" + std::to_string(endpoint.port);
  return endpoint.address.is_v4() ? address + port : "[" + address + "]" + port;
}

EventTeller::Numbers& EventTeller::numbers_of(const host::Flow& flow) {
  const auto known = std::ranges::find_if(known_, [&](const Numbers& n) { return n.flow == flow; });
  if (known != known_.end()) return *known;
  return known_.emplace_back(Numbers{.flow = flow, .first = {}});
}

/// Where the SYN was not seen, the first number seen counts as 1, as a first octet does.
std::string EventTeller::label(const TraceEvent& event) {
  const auto tcp = wire::parse_tcp(event.header_bytes());
  if (!tcp) return "?";
  const wire::TcpHeader& header = tcp->header;
  auto& first = numbers_of(event.flow).first;
  const bool ours = event.kind == TraceEvent::Kind::sent;
  auto& sender = first[ours ? 0 : 1];
  auto& receiver = first[ours ? 1 : 0];
  if (header.flags.has(wire::Flag::syn)) sender = header.seq.raw();
  if (!sender) sender = header.seq.raw() - 1;
  if (!receiver && header.flags.has(wire::Flag::ack)) receiver = header.ack.raw() - 1;
  return segment_label(header, event.octets, *sender, receiver.value_or(0));
}

std::string EventTeller::text(const TraceEvent& event) {
  switch (event.kind) {
    case TraceEvent::Kind::called: return call_text(event);
    case TraceEvent::Kind::transition:
      return std::string(to_string(event.transition.from)) + " --" +
             std::string(to_string(event.transition.event)) + "--> " +
             std::string(to_string(event.transition.to));
    case TraceEvent::Kind::sent: {
      const std::string why = why_text(event);
      return "-> " + label(event) + (why.empty() ? "" : " (" + why + ")");
    }
    case TraceEvent::Kind::arrived: break;
  }
  const bool dropped = event.drop != tcp::Drop::none;
  return "<- " + label(event) + (dropped ? " (" + std::string(to_string(event.drop)) + ")" : "");
}

std::vector<Ladder> ladders_of(std::span<const TraceEvent> events) {
  std::vector<Ladder> ladders;
  std::vector<host::Flow> flows;
  EventTeller teller;
  std::uint64_t number = 0;
  for (const TraceEvent& e : events) {
    const auto known = std::ranges::find(flows, e.flow);
    const auto which = static_cast<std::size_t>(known - flows.begin());
    if (known == flows.end()) {
      flows.push_back(e.flow);
      const std::string local = endpoint_text(e.flow.local);
      const std::string remote = endpoint_text(e.flow.remote);
      std::string title = local;
      title.append(" <-> ").append(remote);
      ladders.push_back({.title = std::move(title),
                         .left = local,
                         .right = remote,
                         .begin = events.front().at,
                         .events = {}});
    }
    const auto add = [&](Kind kind, Side side, std::string text) {
      ladders[which].events.push_back(
          {.at = e.at, .kind = kind, .side = side, .segment = number, .text = std::move(text)});
    };
    ++number;
    switch (e.kind) {
      case TraceEvent::Kind::called: add(Kind::call, Side::left, call_text(e)); break;
      case TraceEvent::Kind::transition:
        add(Kind::state, Side::left, std::string(to_string(e.transition.to)));
        break;
      case TraceEvent::Kind::sent:
        if (const auto why = why_text(e); !why.empty()) add(Kind::remark, Side::left, why);
        add(Kind::sent, Side::left, teller.label(e));
        add(Kind::arrived, Side::right, {});
        break;
      case TraceEvent::Kind::arrived:
        add(Kind::sent, Side::right, teller.label(e));
        add(Kind::arrived, Side::left, {});
        if (e.drop != tcp::Drop::none) {
          add(Kind::remark, Side::left, "(" + std::string(to_string(e.drop)) + ")");
        }
        break;
    }
  }
  return ladders;
}

}  // namespace lastack::insight
