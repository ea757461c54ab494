// Tests of one connection as scripts: segments and calls in one timeline of virtual time, sequence
// numbers relative to both SYNs, the state asserted in between. A failure prints the steps so far.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tcp/connection.hpp"
#include "tcp/listener.hpp"

namespace lastack::tcp {

inline constexpr wire::Flags kAck = wire::Flag::ack;
inline constexpr wire::Flags kFin = wire::Flag::fin | wire::Flag::ack;

/// A segment as a script writes it: offsets, not sequence numbers. The SYN is at -1.
struct Seg {
  wire::Flags flags = wire::Flag::ack;
  Offset seq = 0;
  std::uint32_t len = 0;
  Offset ack = 0;
  std::uint32_t window = 65535;  ///< octets; must be a multiple of what the scale can say
  std::vector<Range> sack{};
  std::optional<std::uint32_t> ts_val{};
  std::uint16_t urgent = 0;
};

/// One connection under test, and the peer's side of it as the script plays it.
class Script {
 public:
  static constexpr std::uint32_t kOurIss =
      0xfffffff0;  // wraps early on, so that wrapping is tested
  static constexpr std::uint32_t kTheirIss = 0x7ffffff8;

  explicit Script(Settings settings = plain()) { settings_ = SettingsPtr(settings); }

  /// Settings without options, so that a segment carries 1460 octets and windows are as written.
  static Settings plain() {
    Settings s;
    s.timestamps = s.sack = s.window_scaling = false;
    s.receive_buffer = 65535;
    return s;
  }

  // --- the script's verbs
  Script& active_open() {
    note("open");
    c.open({.iss = Seq(kOurIss), .ts_offset = 1000, .settings = settings_}, now).value();
    return *this;
  }
  /// Brings the connection to ESTABLISHED by an active open; `window` and `options` are the peer's.
  Script& establish(std::uint32_t window = 65535, std::uint16_t mss = 1460) {
    active_open();
    drain();
    wire::TcpOptions options;
    options.present = wire::TcpOptions::kMss;
    options.mss = mss;
    if (settings_->timestamps) {
      options.present |= wire::TcpOptions::kTimestamps;
      options.ts_val = 1;
    }
    if (settings_->sack) options.present |= wire::TcpOptions::kSackPermitted;
    arrive({.flags = wire::Flag::syn | wire::Flag::ack, .seq = -1, .window = window}, options);
    drain();
    EXPECT_EQ(c.state(), State::established) << log;
    return *this;
  }
  Effects arrive(const Seg& s, wire::TcpOptions options = {}) {
    wire::TcpHeader h;
    h.seq = Seq(kTheirIss) + 1 + static_cast<std::uint32_t>(s.seq);
    h.ack = Seq(kOurIss) + 1 + static_cast<std::uint32_t>(s.ack);
    h.flags = s.flags;
    h.window = static_cast<std::uint16_t>(s.window);
    h.urgent = s.urgent;
    for (const Range& r : s.sack) {
      options.sack[options.sack_count++] = {Seq(kOurIss) + 1 + static_cast<std::uint32_t>(r.begin),
                                            Seq(kOurIss) + 1 + static_cast<std::uint32_t>(r.end)};
    }
    if (s.ts_val) {
      options.present |= wire::TcpOptions::kTimestamps;
      options.ts_val = *s.ts_val;
    }
    h.options = options;
    note("> " + text(s));
    fx = c.segment_arrives(h, s.len, now);
    for (const Transition& t : fx.transitions()) {
      note("    " + std::string(to_string(t.from)) + " -> " + std::string(to_string(t.to)));
    }
    if (fx.drop != Drop::none) note("    drop " + std::string(to_string(fx.drop)));
    return fx;
  }
  Script& send(std::uint32_t octets) {
    note("send " + std::to_string(octets));
    EXPECT_TRUE(c.send(octets, now)) << log;
    return *this;
  }
  Script& close() {
    note("close");
    EXPECT_TRUE(c.close(now)) << log;
    return *this;
  }
  /// Lets time pass, firing what falls due on the way.
  Script& wait(Duration d) {
    const TimePoint until = now + d;
    pull();
    while (c.next_deadline() <= until) {
      now = std::max(now, c.next_deadline());
      note("timer");
      fx = c.timer_expired(now);
      pull();
    }
    now = until;
    return *this;
  }
  /// Everything the connection wants to send now goes to `out`.
  Script& pull(std::uint32_t most = 0xffff) {
    while (auto o = c.transmit(now, most)) {
      note("< " + text(*o));
      out.push_back(*o);
    }
    return *this;
  }
  /// Pulls and forgets.
  Script& drain() {
    pull();
    out.clear();
    return *this;
  }

  /// The next segment sent is `flags`, [seq, seq+len), acknowledging `ack`.
  Outgoing expect(wire::Flags flags, Offset seq, std::uint32_t len, Offset ack) {
    pull();
    if (out.empty()) {
      ADD_FAILURE() << "nothing was sent\n" << log;
      return {};
    }
    const Outgoing o = out.front();
    out.pop_front();
    const wire::Flags without_psh(static_cast<std::uint8_t>(o.header.flags.bits() & ~0x08));
    EXPECT_EQ(int{without_psh.bits()}, int{flags.bits()}) << text(o) << "\n" << log;
    EXPECT_EQ(ours(o.header.seq), seq) << text(o) << "\n" << log;
    EXPECT_EQ(o.payload.size(), Offset{len}) << text(o) << "\n" << log;
    if (flags.has(wire::Flag::ack)) {
      EXPECT_EQ(theirs(o.header.ack), ack) << text(o) << "\n" << log;
    }
    return o;
  }
  void expect_silence() {
    pull();
    EXPECT_TRUE(out.empty()) << text(out.front()) << "\n" << log;
    out.clear();
  }
  void expect_state(State state) { EXPECT_EQ(to_string(c.state()), to_string(state)) << log; }

  [[nodiscard]] Offset ours(Seq s) const { return distance(Seq(kOurIss) + 1, s); }
  [[nodiscard]] Offset theirs(Seq s) const { return distance(Seq(kTheirIss) + 1, s); }

  Connection c;
  TimePoint now{1000s};
  Effects fx;
  std::deque<Outgoing> out;
  std::string log;

 private:
  void note(const std::string& line) {
    log += std::to_string((now - TimePoint{1000s}).count() / 1000) + " ms  " + line + "\n";
  }
  static std::string flag_text(wire::Flags f) {
    std::string s;
    for (const auto& [flag, name] : {std::pair{wire::Flag::syn, 'S'},
                                     {wire::Flag::fin, 'F'},
                                     {wire::Flag::rst, 'R'},
                                     {wire::Flag::psh, 'P'},
                                     {wire::Flag::urg, 'U'},
                                     {wire::Flag::ack, '.'}}) {
      if (f.has(flag)) s += name;
    }
    return s;
  }
  static std::string text(const Seg& s) {
    return flag_text(s.flags) + " " + std::to_string(s.seq) + "(" + std::to_string(s.len) +
           ") ack " + std::to_string(s.ack) + " win " + std::to_string(s.window);
  }
  [[nodiscard]] std::string text(const Outgoing& o) const {
    return flag_text(o.header.flags) + " " + std::to_string(ours(o.header.seq)) + "(" +
           std::to_string(o.payload.size()) + ") ack " + std::to_string(theirs(o.header.ack)) +
           " win " + std::to_string(o.header.window);
  }

  SettingsPtr settings_;
};

}  // namespace lastack::tcp
