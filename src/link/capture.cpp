#include "link/capture.hpp"

#include <utility>

namespace lastack::link {

CaptureLink::CaptureLink(Link& inner, PcapngWriter& writer, std::string_view name)
    : Wrapper(inner), writer_(&writer), interface_(writer.add_interface(name)) {}

void CaptureLink::send(const PacketRef& packet, TimePoint now) {
  capture(Direction::outbound, now, packet);
  inner().send(packet, now);
}

void CaptureLink::pass_on(Packet packet, TimePoint now) {
  capture(Direction::outbound, now, {.header = {}, .payload = std::span(&packet.octets, 1)});
  inner().pass_on(std::move(packet), now);
}

std::size_t CaptureLink::receive(std::vector<Packet>& into, TimePoint now) {
  const std::size_t count = inner().receive(into, now);
  for (const Packet& packet : std::span(into).last(count)) {
    capture(Direction::inbound, packet.at, {.header = {}, .payload = std::span(&packet.octets, 1)});
  }
  return count;
}

void CaptureLink::capture(Direction direction, TimePoint at, const PacketRef& packet) {
  finish();
  last_.emplace(at, direction, std::vector<std::byte>{}, std::exchange(next_, {}));
  auto& octets = last_->octets;
  octets.reserve(packet.size());
  octets.insert(octets.end(), packet.header.begin(), packet.header.end());
  for (const Slice& part : packet.payload) {
    octets.insert(octets.end(), part.bytes().begin(), part.bytes().end());
  }
}

void CaptureLink::note_last(std::string comment) {
  if (last_) {
    last_->comments.push_back(std::move(comment));
  } else {
    note_next(std::move(comment));
  }
}

void CaptureLink::finish() {
  if (!last_) return;
  writer_->packet(interface_, last_->at, last_->direction, last_->octets, last_->comments);
  last_.reset();
}

}  // namespace lastack::link
