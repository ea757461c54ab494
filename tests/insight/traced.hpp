// Events of a trace, made by hand.
#pragma once

#include <string_view>
#include <vector>

#include "host/trace.hpp"
#include "wire/tcp.hpp"

namespace lastack::insight {

/// A host at 10.0.0.2:80 (or [fd00::2]:80) and its peer, event by event, a microsecond apart.
class Traced {
 public:
  explicit Traced(std::string_view local = "10.0.0.2:80",
                  std::string_view remote = "10.0.0.1:40001")
      : flow{*host::Endpoint::parse(local), *host::Endpoint::parse(remote)} {}

  host::TraceEvent& arrives(wire::Flags flags, std::uint32_t seq, std::uint32_t ack,
                            std::uint32_t octets = 0) {
    return segment(host::TraceEvent::Kind::arrived, flags, seq, ack, octets);
  }
  host::TraceEvent& goes(wire::Flags flags, std::uint32_t seq, std::uint32_t ack,
                         std::uint32_t octets = 0) {
    return segment(host::TraceEvent::Kind::sent, flags, seq, ack, octets);
  }
  /// At the same time as what came before: its doing.
  void takes(tcp::State from, tcp::Event event) {
    host::TraceEvent& e = add(host::TraceEvent::Kind::transition);
    e.transition = {from, event, *tcp::next(from, event)};
    e.at -= Duration(1);
    --now;
  }
  host::TraceEvent& calls(host::TraceEvent::Call call, std::uint32_t octets = 0) {
    host::TraceEvent& e = add(host::TraceEvent::Kind::called);
    e.call = call;
    e.octets = octets;
    return e;
  }

  host::Flow flow;
  std::int64_t now = 1'000'000;
  std::vector<host::TraceEvent> events;

 private:
  host::TraceEvent& add(host::TraceEvent::Kind kind) {
    events.push_back({.at = TimePoint(Duration(++now)), .flow = flow, .kind = kind});
    return events.back();
  }
  host::TraceEvent& segment(host::TraceEvent::Kind kind, wire::Flags flags, std::uint32_t seq,
                            std::uint32_t ack, std::uint32_t octets) {
    host::TraceEvent& e = add(kind);
    const bool out = kind == host::TraceEvent::Kind::sent;
    wire::TcpHeader header;
    header.source_port = (out ? flow.local : flow.remote).port;
    header.destination_port = (out ? flow.remote : flow.local).port;
    header.seq = Seq(seq);
    header.ack = Seq(ack);
    header.flags = flags;
    header.window = 1000;
    e.header_size = static_cast<std::uint8_t>(wire::emit_tcp(header, e.header));
    e.octets = octets;
    e.why = tcp::Why::data;
    return e;
  }
};

}  // namespace lastack::insight
