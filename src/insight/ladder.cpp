#include "insight/ladder.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace lastack::insight {
namespace {

using Kind = LadderEvent::Kind;

constexpr std::size_t kTime = 7;     // "  0.000"
constexpr std::size_t kMicros = 11;  // "   0.000000"
constexpr std::size_t kGap = 2;
constexpr std::size_t kSide = 16;       // a state or a call on the left
constexpr std::size_t kRightSide = 17;  // and on the right

struct Glyphs {
  std::string_view line, head_right, head_left, lost, down_right, down_left, bar;
};
constexpr Glyphs kUnicode{"─", "▶", "◀", "✗", "╲", "╱", "│"};
constexpr Glyphs kAscii{"-", ">", "<", "X", "\\", "/", "|"};

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kPlain = "\x1b[0m";

/// The code point at `at`, and how many bytes it takes.
std::pair<std::uint32_t, std::size_t> decode(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at + i]));
  };
  const std::uint32_t first = byte(0);
  const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (length == 1 || at + length > text.size()) return {first, 1};
  std::uint32_t point = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) point = (point << 6U) | (byte(i) & 0x3fU);
  return {point, length};
}

std::size_t width_of(std::uint32_t point) {
  const bool wide = (point >= 0x1100 && point <= 0x115f) || (point >= 0x2e80 && point <= 0xa4cf) ||
                    (point >= 0xac00 && point <= 0xd7a3) || (point >= 0xf900 && point <= 0xfaff) ||
                    (point >= 0xfe30 && point <= 0xfe6f) || (point >= 0xff00 && point <= 0xff60);
  return wide ? 2 : 1;
}

std::string repeated(std::string_view glyph, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += glyph;
  return out;
}

/// Breaks `text` into lines of at most `width` columns, at spaces or between wide characters.
std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  std::string line;
  std::size_t used = 0;
  std::size_t break_at = 0;  // bytes of `line` that may stand alone
  for (std::size_t at = 0; at < text.size();) {
    const auto [point, length] = decode(text, at);
    const std::size_t wide = width_of(point);
    if (point == ' ' || wide == 2) break_at = line.size();
    if (used + wide > width && break_at > 0) {
      lines.push_back(line.substr(0, break_at));
      line = line.substr(break_at + (line.size() > break_at && line[break_at] == ' ' ? 1 : 0));
      used = columns(line);
      break_at = 0;
      if (point == ' ' && line.empty()) {
        at += length;
        continue;
      }
    }
    line += text.substr(at, length);
    used += wide;
    at += length;
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

class Renderer {
 public:
  Renderer(const Ladder& ladder, const LadderStyle& style)
      : ladder_(ladder),
        style_(style),
        glyphs_(style.ascii ? kAscii : kUnicode),
        time_(style.micros ? kMicros : kTime),
        arrow_(std::max<std::size_t>(style.width, 80) - time_ - kGap - kSide - kGap - kRightSide) {
    for (std::size_t i = 0; i < ladder.events.size(); ++i) {
      const LadderEvent& e = ladder.events[i];
      if (e.kind == Kind::sent) sending_.try_emplace(e.segment, i);
      if (e.kind == Kind::lost) lost_.insert(e.segment);
    }
  }

  std::string run() {
    out_ = paint(kBold, ladder_.title) + "\n";
    out_ += std::string(time_ + kGap, ' ') + padded(ladder_.left, kSide + arrow_ + kGap) +
            ladder_.right + "\n";
    for (std::size_t i = 0; i < ladder_.events.size(); ++i) event(i);
    flush();
    return std::move(out_);
  }

 private:
  struct Line {
    std::optional<TimePoint> at;
    std::string left, arrow, right;
    [[nodiscard]] bool empty() const { return left.empty() && arrow.empty() && right.empty(); }
  };

  std::string paint(std::string_view colour, std::string_view text) const {
    if (!style_.colour) return std::string(text);
    return std::string(colour) + std::string(text) + std::string(kPlain);
  }

  void event(std::size_t i) {
    const LadderEvent& e = ladder_.events[i];
    switch (e.kind) {
      case Kind::state:
      case Kind::call:
      case Kind::remark: column(e); break;
      case Kind::sent: sent(i); break;
      case Kind::arrived: arrived(i); break;
      case Kind::lost: break;  // drawn where it was sent
      case Kind::note: note(e); break;
    }
  }

  /// A text in one of the columns; both columns may share a line that has no arrow yet.
  void column(const LadderEvent& e) {
    std::string& cell = e.side == Side::left ? line_.left : line_.right;
    const bool behind_arrow = !line_.arrow.empty();
    if (!cell.empty() || behind_arrow || (line_.at && *line_.at != e.at)) flush();
    (e.side == Side::left ? line_.left : line_.right) = e.text;
    line_.at = e.at;
  }

  void sent(std::size_t i) {
    const LadderEvent& e = ladder_.events[i];
    const bool in_the_way = columns(line_.left) > kSide;
    if (in_the_way || !line_.arrow.empty() || (line_.at && *line_.at != e.at)) flush();
    line_.at = e.at;
    line_.arrow = is_lost(i) ? lost_arrow(e) : is_prompt(i) ? whole_arrow(e) : leaving_arrow(e);
    flush();
  }

  void arrived(std::size_t i) {
    const std::optional<std::size_t> from = sending_of(i);
    if (!from || is_prompt(*from)) return;  // the whole arrow is there already
    const LadderEvent& e = ladder_.events[i];
    if (!line_.empty()) flush();
    line_.at = e.at;
    line_.arrow = arriving_arrow(ladder_.events[*from]);
    flush();
  }

  void note(const LadderEvent& e) {
    flush();
    const std::size_t indent = time_ + kGap;
    for (const std::string& text : wrapped(e.text, style_.width - indent - 2)) {
      out_ += std::string(indent, ' ') + paint(kDim, std::string(glyphs_.bar) + " " + text) + "\n";
    }
  }

  [[nodiscard]] bool is_lost(std::size_t i) const {
    return lost_.contains(ladder_.events[i].segment);
  }
  [[nodiscard]] std::optional<std::size_t> sending_of(std::size_t i) const {
    const auto found = sending_.find(ladder_.events[i].segment);
    return found != sending_.end() ? std::optional(found->second) : std::nullopt;
  }
  /// Nothing but sentences happens between its leaving and its arriving.
  [[nodiscard]] bool is_prompt(std::size_t i) const {
    for (std::size_t j = i + 1; j < ladder_.events.size(); ++j) {
      const LadderEvent& e = ladder_.events[j];
      if (e.kind == Kind::arrived && e.segment == ladder_.events[i].segment) return true;
      if (e.kind != Kind::note && e.kind != Kind::remark) return false;
    }
    return false;
  }

  /// `label` on a line of `width` glyphs, two in front of it.
  [[nodiscard]] std::string shaft(std::string_view label, std::size_t width) const {
    const std::size_t used = columns(label);
    if (used + 2 >= width) return std::string(label);
    return repeated(glyphs_.line, 2) + std::string(label) +
           repeated(glyphs_.line, width - used - 2);
  }
  /// The same, ending in two glyphs: labels of arrows to the left stand near their sender.
  [[nodiscard]] std::string shaft_left(std::string_view label, std::size_t width) const {
    const std::size_t used = columns(label);
    if (used + 2 >= width) return std::string(label);
    return repeated(glyphs_.line, width - used - 2) + std::string(label) +
           repeated(glyphs_.line, 2);
  }

  [[nodiscard]] std::string whole_arrow(const LadderEvent& e) const {
    if (e.side == Side::left) return shaft(e.text, arrow_ - 1) + std::string(glyphs_.head_right);
    return std::string(glyphs_.head_left) + shaft_left(e.text, arrow_ - 1);
  }
  [[nodiscard]] std::string lost_arrow(const LadderEvent& e) const {
    const std::size_t length = std::max(arrow_ * 3 / 4, columns(e.text) + 4);
    const std::string cross = paint(kRed, glyphs_.lost);
    if (e.side == Side::left) return shaft(e.text, length - 1) + cross;
    const std::string blank(arrow_ > length ? arrow_ - length : 0, ' ');
    return blank + cross + shaft_left(e.text, length - 1);
  }
  [[nodiscard]] std::string leaving_arrow(const LadderEvent& e) const {
    const std::size_t length = std::min(arrow_, std::max(arrow_ * 3 / 4, columns(e.text) + 4));
    if (e.side == Side::left) return shaft(e.text, length - 1) + std::string(glyphs_.down_right);
    return std::string(arrow_ - length, ' ') + std::string(glyphs_.down_left) +
           shaft_left(e.text, length - 1);
  }
  [[nodiscard]] std::string arriving_arrow(const LadderEvent& e) const {
    const std::size_t start = arrow_ / 4;
    const std::size_t rest = arrow_ - start;
    const std::string name = e.text.substr(0, e.text.find(' '));
    if (e.side == Side::left) {
      return std::string(start, ' ') + std::string(glyphs_.down_right) +
             shaft_left(name, rest - 2) + std::string(glyphs_.head_right);
    }
    return std::string(glyphs_.head_left) + shaft(name, rest - 2) + std::string(glyphs_.down_left);
  }

  void flush() {
    if (line_.empty()) return;
    std::string text = time_text();
    text += padded(line_.left, kSide);
    const std::string arrow = line_.arrow.empty() ? std::string(arrow_, ' ') : line_.arrow;
    text += arrow;
    if (!line_.right.empty()) {
      const std::size_t used = columns(strip(arrow));
      text += std::string(used < arrow_ ? arrow_ - used : 0, ' ') + std::string(kGap, ' ') +
              line_.right;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out_ += text + "\n";
    line_ = {};
  }

  /// The time stands where it changes.
  std::string time_text() {
    if (!line_.at || line_.at == last_) return std::string(time_ + kGap, ' ');
    last_ = line_.at;
    const int digits = style_.micros ? 6 : 3;
    const auto us = static_cast<long long>((*line_.at - ladder_.begin).count());
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%*lld.%0*lld", static_cast<int>(time_) - digits - 1,
                  us / 1'000'000, digits, us % 1'000'000 / (style_.micros ? 1 : 1000));
    return text.data() + std::string(kGap, ' ');
  }

  /// `text` without the colours, for counting.
  static std::string strip(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\x1b') {
        out += text[i];
      } else {
        i = text.find('m', i);
      }
    }
    return out;
  }

  const Ladder& ladder_;
  const LadderStyle& style_;
  const Glyphs& glyphs_;
  std::size_t time_;
  std::size_t arrow_;
  std::unordered_map<std::uint64_t, std::size_t> sending_;  ///< where each segment is sent
  std::unordered_set<std::uint64_t> lost_;
  std::string out_;
  Line line_;
  std::optional<TimePoint> last_;
};

}  // namespace

std::string padded(std::string_view text, std::size_t width) {
  const std::size_t used = columns(text);
  return std::string(text) + std::string(used < width ? width - used : 0, ' ');
}

std::size_t columns(std::string_view text) {
  std::size_t sum = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto [point, length] = decode(text, at);
    sum += width_of(point);
    at += length;
  }
  return sum;
}

std::string render(const Ladder& ladder, const LadderStyle& style) {
  return Renderer(ladder, style).run();
}

}  // namespace lastack::insight
