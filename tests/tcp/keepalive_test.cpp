// Keepalive probes (§3.8.4).
#include "tcp/script.hpp"

namespace lastack::tcp {
namespace {

using wire::Flag;

Script asking(Duration idle) {
  Settings settings = Script::plain();
  settings.keepalive = true;
  settings.keepalive_idle = idle;
  Script s(settings);
  s.establish();
  return s;
}

TEST(KeepAlive, IsOffUnlessAskedFor) {  // MUST-25
  Script s;
  s.establish();
  s.wait(24h * 365);
  s.expect_silence();
  EXPECT_EQ(s.c.next_deadline(), kNever);
}

TEST(KeepAlive, MayBeSwitchedForOneConnection) {  // MUST-24
  Script s = asking(7200s);
  s.wait(7199s);
  s.c.set_settings(SettingsPtr(Script::plain()), s.now);
  s.wait(24h);
  s.expect_silence();
}

TEST(KeepAlive, TheTimeIsASetting) {  // MUST-27
  Script s = asking(10s);
  s.wait(10s - 1us);
  s.expect_silence();
  s.wait(1us);
  const Outgoing probe = s.expect(kAck, -1, 0, 0);  // without octets (SHLD-12)
  EXPECT_EQ(probe.why, Why::keepalive);
}

TEST(KeepAlive, WaitsUntilNothingIsOut) {  // MUST-26
  Script s = asking(1s);
  s.send(100).drain();
  s.wait(60s);
  for (const Outgoing& o : s.out) EXPECT_EQ(o.why, Why::timeout) << s.log;
  s.out.clear();
  s.arrive({.ack = 100});
  s.wait(1s);
  s.expect(kAck, 99, 0, 0);
}

TEST(KeepAlive, WhatThePeerSendsPutsItOff) {  // MUST-26
  Script s = asking(10s);
  for (Offset at = 0; at < 100; at += 10) {
    s.wait(9s);
    s.arrive({.seq = at, .len = 10});
  }
  s.wait(9s);
  for (const Outgoing& o : s.out) EXPECT_NE(o.why, Why::keepalive) << s.log;
}

TEST(KeepAlive, NoSingleAnswerThatIsLostEndsIt) {  // MUST-29
  Script s = asking(10s);
  s.wait(10s + 7 * 75s);
  EXPECT_EQ(s.out.size(), 8U) << s.log;
  s.expect_state(State::established);
  s.arrive({});
  s.out.clear();
  s.wait(10s + 8 * 75s);
  s.expect_state(State::established);
  s.wait(75s);
  s.expect_state(State::closed);
}

TEST(KeepAlive, OctetsAreAnAnswerToo) {  // as the ACK above, but by the predicted way
  Script s = asking(10s);
  s.wait(10s + 7 * 75s);
  EXPECT_EQ(s.out.size(), 8U) << s.log;
  s.arrive({.len = 10});
  EXPECT_EQ(s.c.tcb().timers.keepalives, 0);
  EXPECT_EQ(s.c.tcb().heard, s.now);
  s.out.clear();
  s.wait(10s + 8 * 75s);
  s.expect_state(State::established);
  s.wait(75s);
  s.expect_state(State::closed);
}

TEST(KeepAlive, SaysWhatAnAckThatIsDueWouldSay) {
  Script s = asking(10s);
  s.now += 10s;
  s.c.timer_expired(s.now);  // nobody has pulled yet
  s.arrive({.len = 1460});
  s.arrive({.seq = 1460, .len = 1460});
  EXPECT_EQ(s.expect(kAck, -1, 0, 2920).why, Why::keepalive);
  s.expect_silence();
}

}  // namespace
}  // namespace lastack::tcp
