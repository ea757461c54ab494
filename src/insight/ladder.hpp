// The ladder: two hosts side by side, what each does, and the segments between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace lastack::insight {

enum class Side : std::uint8_t { left, right };

/// One thing that happened, in the order in which it did. Texts are short; the ladder places them.
struct LadderEvent {
  enum class Kind : std::uint8_t {
    state,    ///< `side` is in this state from now on
    call,     ///< a call of the user at `side`, with its result where that matters
    sent,     ///< `side` sends segment number `segment`; text: "FIN,ACK seq 101 ack 1"
    arrived,  ///< segment number `segment` arrives at `side`
    lost,     ///< segment number `segment`, sent by `side`, will never arrive
    remark,   ///< something about a segment or a timer at `side`: "RTO 2 of 15, 400 ms"
    note,     ///< a sentence for the reader, across the page
  };
  TimePoint at{};
  Kind kind = Kind::note;
  Side side = Side::left;
  std::uint64_t segment = 0;
  std::string text{};
};

struct Ladder {
  std::string title;
  std::string left;  ///< heading of the left column: "A 10.0.0.1:40001"
  std::string right;
  TimePoint begin{};  ///< what time 0.000 is
  std::vector<LadderEvent> events;
};

struct LadderStyle {
  bool ascii = false;  ///< arrows of - > < X only
  bool colour = false;
  bool micros = false;     ///< times to the microsecond, as real ones want
  std::size_t width = 80;  ///< columns, at least 80
};

/// Renders, one line after another, each ended by '\n'. A segment that arrives before anything else
/// happens is one straight arrow on the line where it is sent; another is drawn in two halves, one
/// where it leaves and one where it arrives; a lost one ends on the way.
[[nodiscard]] std::string render(const Ladder& ladder, const LadderStyle& style);

/// Columns that `text` (UTF-8) takes on a terminal: two for each wide (CJK) character.
[[nodiscard]] std::size_t columns(std::string_view text);
/// `text` with spaces behind it, up to `width` columns.
[[nodiscard]] std::string padded(std::string_view text, std::size_t width);

}  // namespace lastack::insight
