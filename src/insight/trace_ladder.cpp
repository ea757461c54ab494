#include "insight/trace_ladder.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "insight/label.hpp"
#include "insight/reasons.hpp"
#include "wire/tcp.hpp"

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

/// Puts events onto a ladder, one by one.
class Drawer {
 public:
  Drawer(Ladder& ladder, Language language) : ladder_(ladder), language_(language) {}

  void draw(const TraceEvent& e) {
    ++number_;
    switch (e.kind) {
      case TraceEvent::Kind::called: add(e, Kind::call, Side::left, call_text(e)); break;
      case TraceEvent::Kind::transition:
        add(e, Kind::state, Side::left, std::string(to_string(e.transition.to)));
        break;
      case TraceEvent::Kind::sent:
        if (auto why = why_text(e); !why.empty()) add(e, Kind::remark, Side::left, std::move(why));
        add(e, Kind::sent, Side::left, teller_.label(e));
        add(e, Kind::arrived, Side::right, {});
        break;
      case TraceEvent::Kind::arrived:
        add(e, Kind::sent, Side::right, teller_.label(e));
        add(e, Kind::arrived, Side::left, {});
        if (e.drop != tcp::Drop::none) dropped(e);
        break;
    }
  }

 private:
  void add(const TraceEvent& e, Kind kind, Side side, std::string text) {
    last_ = std::max(last_, e.at);  // what a turn sends is told the time at which that began
    ladder_.events.push_back(
        {.at = last_, .kind = kind, .side = side, .segment = number_, .text = std::move(text)});
  }

  void dropped(const TraceEvent& e) {
    add(e, Kind::remark, Side::left, "(" + std::string(to_string(e.drop)) + ")");
    if (!explained_.insert(e.drop).second) return;
    std::string text(to_string(e.drop));
    text.append(language_ == Language::chinese ? "：" : ": ");
    text.append(drop_text(e.drop).in(language_));
    add(e, Kind::note, Side::left, std::move(text));
  }

  Ladder& ladder_;
  Language language_;
  EventTeller teller_;
  std::uint64_t number_ = 0;
  TimePoint last_{};
  std::set<tcp::Drop> explained_;
};

}  // namespace

std::string endpoint_text(const host::Endpoint& endpoint) { return endpoint.to_string(); }

/// Those that are over are forgotten when many are known, so that a long trace takes no more than
/// what is alive in it.
EventTeller::Known& EventTeller::known(const host::Flow& flow) {
  if (known_.size() >= sweep_at_ && !known_.contains(flow)) {
    std::erase_if(known_, [](const auto& entry) {
      const auto& state = entry.second.state;
      return !state || *state == tcp::State::closed || *state == tcp::State::listen;
    });
    sweep_at_ = std::max<std::size_t>(sweep_at_, 2 * known_.size());
  }
  return known_[flow];
}

std::optional<tcp::State> EventTeller::state_of(const host::Flow& flow) const {
  const auto found = known_.find(flow);
  return found != known_.end() ? found->second.state : std::nullopt;
}

/// Where the SYN was not seen, the first number seen counts as 1, as a first octet does. A SYN with
/// another number than before begins another connection: nothing is known of the other side's.
std::string EventTeller::label(const TraceEvent& segment) {
  const auto tcp = wire::parse_tcp(segment.header_bytes());
  if (!tcp) return "?";
  const wire::TcpHeader& header = tcp->header;
  auto& first = known(segment.flow).first;
  const bool ours = segment.kind == TraceEvent::Kind::sent;
  auto& sender = first[ours ? 0 : 1];
  auto& receiver = first[ours ? 1 : 0];
  const bool ack = header.flags.has(wire::Flag::ack);
  if (header.flags.has(wire::Flag::syn)) {
    if (!ack && sender && *sender != header.seq.raw()) receiver.reset();
    sender = header.seq.raw();
  }
  if (!sender) sender = header.seq.raw() - 1;
  if (!receiver && ack) receiver = header.ack.raw() - 1;
  return segment_label(header, segment.octets, *sender, receiver.value_or(0));
}

std::string EventTeller::text(const TraceEvent& event) {
  switch (event.kind) {
    case TraceEvent::Kind::called: return call_text(event);
    case TraceEvent::Kind::transition:
      known(event.flow).state = event.transition.to;
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

Ladder ladder_of(const TracedConnection& connection, std::span<const TraceEvent> events,
                 Language language) {
  Ladder ladder{.title = {},
                .left = endpoint_text(connection.flow.local),
                .right = endpoint_text(connection.flow.remote),
                .events = {}};
  ladder.title = ladder.left;
  ladder.title.append(" <-> ").append(ladder.right);
  if (!connection.events.empty()) ladder.begin = events[connection.events.front()].at;
  Drawer drawer(ladder, language);
  for (const std::size_t i : connection.events) drawer.draw(events[i]);
  return ladder;
}

std::vector<Ladder> ladders_of(std::span<const TraceEvent> events, Language language) {
  std::vector<Ladder> ladders;
  for (const TracedConnection& connection : connections_of(events)) {
    ladders.push_back(ladder_of(connection, events, language));
  }
  return ladders;
}

}  // namespace lastack::insight
