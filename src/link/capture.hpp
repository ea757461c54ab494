// A link that writes down what goes through it, as pcapng, with what was said about each packet.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "link/link.hpp"
#include "link/pcapng.hpp"

namespace lastack::link {

/// One interface of a capture file. Several of these may share one writer; blocks then stand in the
/// file in the order of the packets' times, give or take the one that each holds back for notes.
class CaptureLink final : public Wrapper {
 public:
  CaptureLink(Link& inner, PcapngWriter& writer, std::string_view name);
  ~CaptureLink() override { finish(); }

  void send(const PacketRef& packet, TimePoint now) override;
  void pass_on(Packet packet, TimePoint now) override;
  std::size_t receive(std::vector<Packet>& into, TimePoint now) override;

  /// A comment on the packet that went through last: what it brought about.
  void note_last(std::string comment);
  /// A comment on the packet that comes next: why it is sent.
  void note_next(std::string comment) { next_.push_back(std::move(comment)); }
  /// Writes what was held back for comments.
  void finish();

 private:
  struct Captured {
    TimePoint at;
    Direction direction;
    std::vector<std::byte> octets;
    std::vector<std::string> comments;
  };

  void capture(Direction direction, TimePoint at, const PacketRef& packet);

  PcapngWriter* writer_;
  std::uint32_t interface_;
  std::optional<Captured> last_;
  std::vector<std::string> next_;
};

}  // namespace lastack::link
