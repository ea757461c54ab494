#include "link/capture.hpp"

#include <utility>

namespace lastack::link {

void CaptureFile::add(std::uint32_t interface, TimePoint at, Direction direction,
                      const PacketRef& packet, std::vector<std::string> comments) {
  Captured captured{interface, at, direction, {}, std::move(comments)};
  captured.octets.reserve(packet.size());
  const auto append = [&captured](Bytes octets) {
    captured.octets.insert(captured.octets.end(), octets.begin(), octets.end());
  };
  append(packet.header);
  for (const Slice& part : packet.payload) append(part.bytes());
  held_.push_back(std::move(captured));
}

void CaptureFile::note(std::size_t i, std::string comment) {
  if (i < held_.size()) held_[i].comments.push_back(std::move(comment));
}

void CaptureFile::finish() {
  for (const Captured& c : held_) {
    writer_.packet(c.interface, c.at, c.direction, c.octets, c.comments);
  }
  held_.clear();
}

CaptureLink::CaptureLink(Link& inner, CaptureFile& file, std::string_view name, LinkType type)
    : Wrapper(inner), file_(&file), interface_(file.add_interface(name, type)) {}

void CaptureLink::send(const PacketRef& packet, TimePoint now) {
  file_->finish();
  file_->add(interface_, now, Direction::outbound, packet, std::exchange(next_, {}));
  inner().send(packet, now);
}

void CaptureLink::pass_on(Packet packet, TimePoint now) {
  file_->finish();
  file_->add(interface_, now, Direction::outbound,
             {.header = {}, .payload = std::span(&packet.octets, 1)}, std::exchange(next_, {}));
  inner().pass_on(std::move(packet), now);
}

std::size_t CaptureLink::receive(std::vector<Packet>& into, TimePoint now) {
  const std::size_t count = inner().receive(into, now);
  file_->finish();
  for (const Packet& packet : std::span(into).last(count)) {
    file_->add(interface_, packet.at, Direction::inbound,
               {.header = {}, .payload = std::span(&packet.octets, 1)});
  }
  return count;
}

}  // namespace lastack::link
