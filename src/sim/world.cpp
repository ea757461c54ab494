#include "sim/world.hpp"

#include <algorithm>
#include <utility>

#include "io/packet_ref.hpp"
#include "wire/ip.hpp"

namespace lastack::sim {
namespace {

/// Where an IP packet wants to go, read from its first octets.
wire::IpAddress destination_of(link::Bytes packet) {
  const bool v4 = (std::to_integer<unsigned>(packet[0]) >> 4U) == 4;
  return wire::IpAddress::from(v4 ? packet.subspan(16, 4) : packet.subspan(24, 16));
}

std::string describe(const tcp::Transition& t) {
  std::string text(to_string(t.from));
  text.append(" -> ").append(to_string(t.to));
  return text.append(" (").append(to_string(t.event)).append(")");
}

}  // namespace

World::World(std::uint64_t seed) : random_(seed) {}

std::size_t World::add_host(host::Config config) {
  auto place = std::make_unique<Place>();
  place->host = std::make_unique<host::Host>(std::move(config), Random(random_.next()));
  place->sockets = std::make_unique<socket::Sockets>(*place->host);
  place->host->advance(now_);
  places_.push_back(std::move(place));
  return places_.size() - 1;
}

void World::add_wire(std::size_t a, std::size_t b, const link::Impairment& there,
                     const link::Impairment& back) {
  const std::uint16_t mtu = std::max(host(a).config().mtu, host(b).config().mtu);
  wires_.push_back(std::make_unique<link::MemoryWire>(mtu));
  make_port(a, b, wires_.back()->end(0), there);
  make_port(b, a, wires_.back()->end(1), back);
}

void World::make_port(std::size_t from, std::size_t to, link::Link& end,
                      const link::Impairment& harm) {
  Port port{.to = to, .impaired = nullptr, .capture = nullptr};
  port.impaired = std::make_unique<link::ImpairedLink>(end, harm, Random(random_.next()));
  if (capture_) {
    std::string name = "host " + std::to_string(from) + " to " + std::to_string(to);
    port.capture = std::make_unique<link::CaptureLink>(*port.impaired, *capture_, name);
  }
  places_[from]->ports.push_back(std::move(port));
}

void World::add_program(std::size_t host, std::unique_ptr<Program> program) {
  places_[host]->programs.push_back(std::move(program));
}

const World::Port& World::port(std::size_t a, std::size_t b) const {
  return *std::ranges::find(places_[a]->ports, b, &Port::to);
}

const link::ImpairmentTally& World::tally(std::size_t a, std::size_t b) const {
  return port(a, b).impaired->tally();
}

void World::set_impairment(std::size_t a, std::size_t b, const link::Impairment& impairment) {
  port(a, b).impaired->set(impairment);
}

TimePoint World::next_due() const {
  TimePoint due = kNever;
  for (const auto& place : places_) {
    due = std::min(due, place->host->next_deadline());
    for (const Port& port : place->ports) due = std::min(due, port.outermost().next_deadline());
    for (const auto& program : place->programs) due = std::min(due, program->next_wake());
  }
  return std::max(due, now_);
}

bool World::step(TimePoint until) {
  const TimePoint due = next_due();
  if (due > until) {
    now_ = std::max(now_, until);
    return false;
  }
  same_moment_ = due == now_ ? same_moment_ + 1 : 0;
  now_ = due;
  ++moments_;
  // Wires first, for all hosts: what one receives can't depend on what another does just now.
  for (const auto& place : places_) {
    for (const Port& port : place->ports) port.outermost().advance(now_);
  }
  for (std::size_t i = 0; i < places_.size(); ++i) serve(i);
  return true;
}

/// One host's turn: a batch of packets, timers, programs, then all there is to send.
void World::serve(std::size_t i) {
  Place& place = *places_[i];
  const bool came = take_packets(i);
  const bool timers = place.host->next_deadline() <= now_;
  if (timers) place.host->advance(now_);
  tell_events(i);
  for (const auto& program : place.programs) {
    if (came || timers || program->next_wake() <= now_) program->run(now_);
  }
  tell_events(i);
  send_packets(i);
}

bool World::take_packets(std::size_t i) {
  Place& place = *places_[i];
  bool any = false;
  for (Port& port : place.ports) {
    in_.clear();
    port.outermost().receive(in_, now_);
    for (std::size_t nth = 0; nth < in_.size(); ++nth) {
      link::Packet& packet = in_[nth];
      any = true;
      trace(i, false, packet.octets.bytes());
      if (watcher_ != nullptr) watcher_->arrived(i, packet.octets, now_);
      place.host->packet_arrives(packet.octets, now_);
      tell_events(i, &port, nth);
    }
  }
  in_.clear();
  return any;
}

void World::send_packets(std::size_t i) {
  Place& place = *places_[i];
  while (place.host->transmit(out_, now_)) {
    ++packets_;
    Port* port = port_for(place, out_);
    if (port == nullptr) continue;  // no wire leads there
    const link::PacketRef packet = io::ref_to(out_);
    trace(i, true, packet.header);
    for (const Slice& part : packet.payload) trace(i, true, part.bytes());
    if (watcher_ != nullptr) watcher_->sent(i, packet, now_);
    port->outermost().send(packet, now_);
  }
  out_.clear();
  tell_events(i);
}

void World::flush() {
  for (std::size_t i = 0; i < places_.size(); ++i) send_packets(i);
}

World::Port* World::port_for(Place& place, const host::PacketOut& packet) {
  if (place.ports.size() == 1) return &place.ports[0];
  const auto first =
      packet.header_size > 0 ? packet.header_bytes() : packet.payload.front().bytes();
  const wire::IpAddress destination = destination_of(first);
  for (Port& port : place.ports) {
    if (host(port.to).is_local(destination)) return &port;
  }
  return nullptr;
}

/// Events become comments: on the packet that caused them, else on the next one sent.
void World::tell_events(std::size_t i, Port* came_through, std::size_t nth) {
  Place& place = *places_[i];
  host::HostEvent event;
  while (place.host->next_event(event)) {
    if (!capture_) continue;
    for (const tcp::Transition& t : event.news.transitions()) {
      if (came_through != nullptr) {
        came_through->capture->note_received(nth, describe(t));
        continue;
      }
      for (const Port& port : place.ports) port.capture->note_next(describe(t));
    }
  }
}

void World::trace(std::size_t host, bool out, link::Bytes octets) {
  const auto time = static_cast<std::uint64_t>(now_.time_since_epoch().count());
  trace_ = keyed_hash({trace_, time << 8U | host << 1U | (out ? 1U : 0U)}, octets);
}

bool World::run_until(const std::function<bool()>& done, TimePoint limit) {
  flush();
  while (!done()) {
    if (!step(limit) || stands_still()) return done();
  }
  return true;
}

void World::run(Duration span) {
  const TimePoint until = now_ + span;
  flush();
  while (step(until) && !stands_still()) {
  }
}

}  // namespace lastack::sim
