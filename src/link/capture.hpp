// A link that writes down what goes through it, as pcapng, with what was said about each packet.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "link/link.hpp"
#include "link/pcapng.hpp"

namespace lastack::link {

/// What several interfaces write together. Packets stand in the file in the order in which they
/// were captured; the latest are held back, so that something can still be said about them.
class CaptureFile {
 public:
  /// The sink must outlive the file.
  explicit CaptureFile(ByteSink& sink) : writer_(sink) {}
  CaptureFile(const CaptureFile&) = delete;
  CaptureFile& operator=(const CaptureFile&) = delete;
  ~CaptureFile() { finish(); }

  std::uint32_t add_interface(std::string_view name, LinkType type) {
    return writer_.add_interface(name, type);
  }
  void add(std::uint32_t interface, TimePoint at, Direction direction, const PacketRef& packet,
           std::vector<std::string> comments = {});
  /// A comment on the `i`-th packet added since finish().
  void note(std::size_t i, std::string comment);
  /// Writes what was held back.
  void finish();

 private:
  struct Captured {
    std::uint32_t interface;
    TimePoint at;
    Direction direction;
    std::vector<std::byte> octets;
    std::vector<std::string> comments;
  };

  PcapngWriter writer_;
  std::vector<Captured> held_;
};

/// One interface of a capture file, which must outlive it.
class CaptureLink final : public Wrapper {
 public:
  CaptureLink(Link& inner, CaptureFile& file, std::string_view name,
              LinkType type = LinkType::raw_ip);

  void send(const PacketRef& packet, TimePoint now) override;
  void pass_on(Packet packet, TimePoint now) override;
  std::size_t receive(std::vector<Packet>& into, TimePoint now) override;

  /// A comment on the `i`-th packet of the last receive(): what it brought about. To be said before
  /// anything else is captured.
  void note_received(std::size_t i, std::string comment) { file_->note(i, std::move(comment)); }
  /// A comment on the packet that is sent next: why.
  void note_next(std::string comment) { next_.push_back(std::move(comment)); }

 private:
  CaptureFile* file_;
  std::uint32_t interface_;
  std::vector<std::string> next_;
};

}  // namespace lastack::link
