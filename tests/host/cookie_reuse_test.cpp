// A SYN that takes over from TIME_WAIT while the SYN queue is full: its answer is a cookie, whose
// number can't be put behind the old connection's (a departure from RFC 1122 4.2.2.13).
#include "host/alone.hpp"

namespace lastack::host {
namespace {

constexpr std::uint16_t kTries = 32;

class CookieReuse : public Alone {
 protected:
  static Config one_handshake() {
    Config c = config();
    c.syn_queue = 1;
    return c;
  }
  CookieReuse() : Alone(one_handshake()), listener(listen(80, kTries)) {}

  /// A connection of the peer's that we close first: in TIME_WAIT. The last number that we sent.
  Seq serve_and_close(const Endpoint& from) {
    const Seq ours = open(Seq(700), from);
    host.orphan(host.accept(listener).value(), now);
    (void)sent();
    arrives({.flags = Flag::fin | Flag::ack, .seq = Seq(701), .ack = ours + 2, .from = from});
    (void)sent();
    return ours + 2;
  }

  ListenerId listener;
};

TEST_F(CookieReuse, TheConnectionOpensWithWhateverNumberTheCookieHas) {
  std::vector<Seq> last;
  const auto from = [](std::uint16_t i) {
    return Endpoint{kThem, static_cast<std::uint16_t>(5000 + i)};
  };
  for (std::uint16_t i = 0; i < kTries; ++i) last.push_back(serve_and_close(from(i)));
  arrives({.flags = Flag::syn, .seq = Seq(1), .from = {kThem, 9}});  // the queue is full
  (void)sent();
  int behind = 0;
  for (std::uint16_t i = 0; i < kTries; ++i) {
    arrives({.flags = Flag::syn, .seq = Seq(900'000), .from = from(i)});
    const auto answers = sent();
    ASSERT_EQ(answers.size(), 1U);
    const Seq ours = answers[0].header.seq;
    behind += after(ours, last[i]) ? 1 : 0;
    arrives({.flags = Flag::ack, .seq = Seq(900'001), .ack = ours + 1, .from = from(i)});
    EXPECT_EQ(host.connection(host.accept(listener).value())->state(), State::established);
  }
  EXPECT_EQ(host.counters().cookies_sent, kTries);
  EXPECT_GT(behind, 0);
  EXPECT_LT(behind, kTries);
}

}  // namespace
}  // namespace lastack::host
