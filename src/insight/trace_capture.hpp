// What a host has seen and sent, as a capture that Wireshark opens: packets cut behind their
// headers, with comments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/trace.hpp"
#include "insight/text.hpp"
#include "link/pcapng.hpp"

namespace lastack::insight {

/// Writes the segments of a trace as IP packets: a header of ours around each, TCP's as it was, no
/// payload but its length. Comments say why a segment was dropped, why it was sent again, and which
/// transitions it brought about.
class TraceCapture {
 public:
  /// The sink must outlive it.
  explicit TraceCapture(link::ByteSink& sink, Language language = Language::english);

  /// A host that is traced; the number to give to add().
  std::uint32_t add_host(std::string_view name);
  /// An event of that host, at `wall` since the epoch. A segment is kept back until the next one,
  /// or flush(): what follows it may be its doing.
  void add(std::uint32_t host, const host::TraceEvent& event, Duration wall);
  /// Writes what is kept back.
  void flush();
  /// Written so far.
  [[nodiscard]] std::uint64_t packets() const { return packets_; }

 private:
  struct Held {
    std::uint32_t host = 0;
    Duration wall{0};
    host::TraceEvent event;
    std::vector<std::string> comments;
  };

  link::PcapngWriter writer_;
  Language language_;
  std::optional<Held> held_;
  std::uint64_t packets_ = 0;
};

}  // namespace lastack::insight
