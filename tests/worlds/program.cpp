#include "worlds/program.hpp"

#include <array>
#include <string_view>
#include <utility>

#include "socket/numbers.hpp"
#include "worlds/teller.hpp"

namespace lastack::worlds {
namespace {

constexpr int kOob = 0x1;
constexpr int kPeek = 0x2;
constexpr int kTrunc = 0x20;
constexpr int kLinger = static_cast<int>(kOptionChoices.size()) - 1;
constexpr int kReuseAddress = 0;
constexpr int kOnlyV6 = 20;
static_assert(kOptionChoices[kOnlyV6].level == 41 && kOptionChoices[kOnlyV6].number == 26);
constexpr int kTos = 10;
static_assert(kOptionChoices[kTos].level == 0 && kOptionChoices[kTos].number == 1);
constexpr int kCork = 12;
static_assert(kOptionChoices[kCork].level == 6 && kOptionChoices[kCork].number == 3);
constexpr int kLinger2 = 17;
static_assert(kOptionChoices[kLinger2].level == 6 && kOptionChoices[kLinger2].number == 8);
constexpr int kDeferAccept = 18;
static_assert(kOptionChoices[kDeferAccept].level == 6 && kOptionChoices[kDeferAccept].number == 9);
constexpr int kNotSentLowAt = 22;
static_assert(kOptionChoices[kNotSentLowAt].number == 25);

constexpr int kCopy = 3;

/// How a pair of shutdowns differs from Linux by default.
Row row_of(int first, int second, bool data) {
  if (!data || (first == 1 && second == 1)) return Row::none;
  return Row::shut_rd;
}

/// shutdown() twice, in each order, before the peer's FIN, during it and after it; with octets that
/// wait to be read, and others that come later.
void shutdowns(std::vector<Section>& all, bool v6) {
  for (int first = 0; first < 3; ++first) {
    for (int second = 0; second < 3; ++second) {
      const std::string order = std::to_string(first) + " then " + std::to_string(second);
      Teller before(v6);
      before.connected().send(kServer).shut(kClient, first).shut(kClient, second).recv(kClient);
      before.send(kClient).send(kServer).recv(kClient).shut(kServer, 1).close(kClient);
      all.push_back(
          {"shutdown " + order + " before the FIN", row_of(first, second, true), before.take()});
      Teller after(v6);
      after.connected().shut(kServer, 1).shut(kClient, first).shut(kClient, second);
      after.recv(kClient).send(kClient).recv(kServer).close(kClient).error(kServer);
      all.push_back({"shutdown " + order + " after the FIN", Row::none, after.take()});
      Teller during(v6);
      during.connected().hold().shut(kServer, 1).shut(kClient, first).shut(kClient, second);
      during.release().recv(kClient).recv(kServer).close(kClient).close(kServer);
      all.push_back(
          {"shutdown " + order + " while the FIN is on its way", Row::none, during.take()});
    }
  }
}

void holders(std::vector<Section>& all, bool v6) {
  Teller child(v6);
  child.connected().dup(kClient, 3).dup(kClient, 4).dup(kClient, 5);
  child.close(kClient).close(4).send(3).recv(kServer).close(3).send(5).recv(kServer).close(5);
  child.recv(kServer).close(kServer);
  all.push_back({"the child's copy keeps it open", Row::none, child.take()});
  Teller one(v6);
  one.connected().dup(kClient, 3).dup(kClient, 4).dup(kClient, 5).shut(4, 1);
  one.send(kClient).send(3).send(5).send(kServer).recv(3).close(kClient).close(3).close(4);
  one.send(kServer).recv(5).close(kServer).recv(5).close(5);
  all.push_back({"one of four shuts it for all", Row::none, one.take()});
}

void resets(std::vector<Section>& all, bool v6) {
  Teller unread(v6);
  unread.connected().send(kServer, 10).close(kClient).recv(kServer).error(kServer).recv(kServer);
  unread.send(kServer).names(kServer).shut(kServer, 2).close(kServer);
  all.push_back({"close with unread octets resets", Row::none, unread.take()});
  Teller zero(v6);
  zero.connected().set(kClient, kLinger, 1).send(kClient).close(kClient).recv(kServer);
  zero.recv(kServer).error(kServer).recv(kServer).send(kServer);
  all.push_back({"linger 0 resets", Row::none, zero.take()});
  Teller in_close_wait(v6);
  in_close_wait.connected().shut(kClient, 1).set(kClient, kLinger, 1).send(kServer).close(kClient);
  in_close_wait.error(kServer).send(kServer).recv(kServer).close(kServer);
  all.push_back({"a RST in CLOSE_WAIT is EPIPE", Row::none, in_close_wait.take()});
  Teller both(v6);
  both.connected().send(kServer).shut(kClient, 2).send(kServer, 7).recv(kClient).error(kClient);
  both.send(kServer).error(kServer).recv(kServer).close(kClient);
  all.push_back({"octets after SHUT_RDWR", Row::shut_rdwr, both.take()});
  Teller late(v6);
  late.connected().send(kClient).shut(kClient, 1).hold().shut(kServer, 1).close(kServer).release();
  late.recv(kClient).close(kClient);
  all.push_back({"a RST in TIME_WAIT", Row::rst_in_time_wait, late.take()});
}

/// Brings A's end of a connection into a state; where packets are held, they stay so.
struct StateOfA {
  const char* name;
  void (*reach)(Teller& tell);
};

constexpr std::array kStatesOfA{
    StateOfA{"SYN_SENT", [](Teller& tell) { tell.stream(0, kClient).hold().connect(kClient, 3); }},
    StateOfA{"ESTABLISHED", [](Teller& tell) { tell.connected().send(kServer); }},
    StateOfA{"FIN_WAIT_1",
             [](Teller& tell) { tell.connected().send(kServer).hold().shut(kClient, 1); }},
    StateOfA{"FIN_WAIT_2", [](Teller& tell) { tell.connected().send(kServer).shut(kClient, 1); }},
    StateOfA{"CLOSE_WAIT", [](Teller& tell) { tell.connected().send(kServer).shut(kServer, 1); }},
    StateOfA{"LAST_ACK",
             [](Teller& tell) {
               tell.connected().send(kServer).shut(kServer, 1).hold().shut(kClient, 1);
             }},
    StateOfA{
        "TIME_WAIT",
        [](Teller& tell) { tell.connected().send(kServer).shut(kClient, 1).shut(kServer, 1); }},
};

/// The last close() in each state, with the octets that B has sent read, unread, and with linger 0.
void closes(std::vector<Section>& all, bool v6) {
  for (const StateOfA& state : kStatesOfA) {
    for (const char* how : {"all read", "octets unread", "linger 0"}) {
      Teller tell(v6);
      state.reach(tell);
      const bool unread = std::string_view(how) == "octets unread";
      if (!unread) tell.recv(kClient);
      const bool reset_by_linger = std::string_view(how) == "linger 0";
      if (reset_by_linger) tell.set(kClient, kLinger, 1);
      tell.close(kClient).release().recv(kServer).error(kServer).close(kServer);
      // What has no connection any more answers B's ACK with a RST, and that finds TIME_WAIT.
      const bool reset = std::string_view(state.name) == "LAST_ACK" && (unread || reset_by_linger);
      all.push_back({"close in " + std::string(state.name) + ", " + how,
                     reset ? Row::rst_in_time_wait : Row::none, tell.take()});
    }
  }
}

void endings(std::vector<Section>& all, bool v6) {
  Teller simultaneous(v6);
  simultaneous.connected().hold().close(kClient).close(kServer).release();
  all.push_back({"simultaneous close", Row::none, simultaneous.take()});
  Teller half(v6);
  half.connected().shut(kClient, 1).recv(kServer).send(kServer, 3000).recv(kClient, 5000);
  half.send(kServer, 1).recv(kClient).close(kServer).recv(kClient).names(kClient).close(kClient);
  all.push_back({"a half-closed client goes on receiving", Row::none, half.take()});
  Teller orphan(v6);
  orphan.connected().close(kClient).send(kServer).error(kServer).send(kServer).recv(kServer);
  all.push_back({"octets for an orphan", Row::none, orphan.take()});
}

void listeners(std::vector<Section>& all, bool v6) {
  for (int how = 0; how < 3; ++how) {
    Teller shut(v6);
    shut.stream(1, kListener).bind(kListener, 1).listen(kListener).stream(0, kClient);
    shut.connect(kClient).shut(kListener, how).accept(kListener, kServer).recv(kClient);
    shut.error(kClient).shut(kListener, how).listen(kListener).names(kListener);
    all.push_back({"shutdown " + std::to_string(how) + " of a listener", Row::none, shut.take()});
  }
  Teller closed(v6);
  closed.stream(1, kListener).bind(kListener, 1).listen(kListener).stream(0, kClient);
  closed.connect(kClient).stream(0, 4).connect(4).close(kListener).recv(kClient).recv(4);
  closed.connect(kClient).connect(4).connect(4);
  all.push_back({"a listener closed with connections waiting", Row::none, closed.take()});
  Teller full(v6);
  full.stream(1, kListener).bind(kListener, 1).listen(kListener, 0);
  for (int i = 4; i < 7; ++i) full.stream(0, i).connect(i);
  full.accept(kListener, kServer).accept(kListener, kCopy);
  all.push_back({"accept queue full", Row::none, full.take()});
  Teller gone(v6);
  gone.stream(1, kListener).bind(kListener, 1).listen(kListener).stream(0, kClient);
  gone.connect(kClient).set(kClient, kLinger, 1).close(kClient).accept(kListener, kServer);
  gone.names(kServer).recv(kServer).recv(kServer).error(kServer).close(kServer);
  all.push_back({"accept after the peer is gone", Row::none, gone.take()});
  for (const int way : {0, 1, 2, 3}) {
    const int first = way / 2;
    const int second = way % 2;
    Teller again(v6);
    again.stream(1, kListener).set(kListener, kReuseAddress, first).bind(kListener, 1);
    again.listen(kListener).stream(0, kClient).connect(kClient).accept(kListener, kServer);
    again.close(kServer).close(kClient).close(kListener).stream(1, 4);
    again.set(4, kReuseAddress, second).bind(4, 1).listen(4);
    all.push_back({"a restarted server, SO_REUSEADDR of the first " + std::to_string(first) +
                       ", of the second " + std::to_string(second),
                   Row::none, again.take()});
  }
}

void openings(std::vector<Section>& all, bool v6) {
  Teller refused(v6);
  refused.stream(0, kClient).connect(kClient, 3).send(kClient).recv(kClient).names(kClient);
  refused.connect(kClient, 3).connect(kClient, 3).shut(kClient, 2).connect(kClient, 3);
  all.push_back({"refused, and again", Row::none, refused.take()});
  Teller early(v6);
  early.stream(0, kClient).hold().connect(kClient, 3).connect(kClient, 3).send(kClient);
  early.recv(kClient).names(kClient).shut(kClient, 1).error(kClient).shut(kClient, 1).release();
  all.push_back({"shutdown in SYN_SENT", Row::none, early.take()});
  Teller fresh(v6);
  fresh.stream(0, kClient).send(kClient).recv(kClient).shut(kClient, 1).shut(kClient, 3);
  fresh.send(kClient).names(kClient).accept(kClient, 4).bind(kClient, 2).bind(kClient, 3);
  fresh.names(kClient).close(kClient).close(kClient);
  all.push_back({"calls before there is a connection", Row::none, fresh.take()});
}

/// What bind() took, and its name, once a connection has used it.
void places(std::vector<Section>& all, bool v6) {
  Teller picked(v6);
  picked.stream(0, kClient).bind(kClient, 0, kAny).connect(kClient, 3).names(kClient);
  picked.bind(kClient, 2, kAny).names(kClient).bind(kClient, 4).connect(kClient, 3);
  picked.connect(kClient, 3).names(kClient).bind(kClient, 4).names(kClient);
  all.push_back({"bind after a connection that ended", Row::none, picked.take()});
  Teller lost(v6);
  lost.stream(0, 4).bind(4, 2).stream(0, kClient).connect(kClient, 3).names(kClient);
  lost.bind(kClient, 2).names(kClient).bind(kClient, 0).bind(kClient, 4).names(kClient);
  all.push_back({"a bind that fails loses the address", Row::none, lost.take()});
  Teller narrowed(v6);
  narrowed.stream(0, kClient).bind(kClient, 1, kAny).hold().connect(kClient, 1).names(kClient);
  narrowed.stream(0, 4).bind(4, 1).family(false).stream(0, 5).bind(5, 1).bind(5, 1, kAny);
  narrowed.op(Op::disconnect, kClient).names(kClient).bind(4, 1).bind(5, 1);
  all.push_back({"connect() has chosen the address", Row::none, narrowed.take()});
  Teller picked_again(v6);
  picked_again.hold().stream(0, kClient).bind(kClient, 0, kAny).connect(kClient, 4);
  picked_again.shut(kClient, 0).names(kClient).connect(kClient, 4).names(kClient);
  all.push_back({"a port that bind() picked, for two connections", Row::none, picked_again.take()});
  Teller left(v6);
  left.datagrams(0, kClient).connect(kClient, 3).send(kClient).op(Op::disconnect, kClient);
  left.names(kClient).bind(kClient, 2).names(kClient).error(kClient).error(kClient);
  left.datagrams(0, 4).bind(4, 3, kAny).connect(4, 1).family(false).datagrams(0, 5).bind(5, 3);
  left.bind(5, 3, kAny).op(Op::disconnect, 4).datagrams(0, 6).bind(6, 3);
  all.push_back({"an error that outlives its port", Row::none, left.take()});
}

/// How a connection begins and ends where something was said long before.
void said_before(std::vector<Section>& all, bool v6) {
  for (const int how : {0, 1, 2}) {
    Teller shut(v6);
    shut.stream(1, kListener).bind(kListener, 1).shut(kListener, how).listen(kListener);
    shut.stream(0, kClient).connect(kClient).recv(kClient).accept(kListener, kServer);
    shut.send(kServer).recv(kServer).close(kClient).close(kServer);
    all.push_back({"a listener with shutdown " + std::to_string(how) + " before listen()",
                   Row::none, shut.take()});
    Teller crossed(v6);
    crossed.stream(0, kClient).bind(kClient, 1).stream(1, kServer).bind(kServer, 1);
    crossed.hold().connect(kClient).connect(kServer).pass(1).shut(kServer, how).recv(kServer);
    crossed.release().recv(kClient).shut(kClient, 1).close(kServer).close(kClient);
    all.push_back({"shutdown " + std::to_string(how) + " in SYN_RCVD", Row::none, crossed.take()});
  }
  Teller early(v6);
  early.stream(0, kClient).bind(kClient, 1).stream(1, kServer).bind(kServer, 1).shut(kServer, 1);
  early.hold().connect(kClient).connect(kServer).release().recv(kClient).close(kClient);
  all.push_back({"shutdown 1 before both open", Row::none, early.take()});
  Teller refused(v6);
  refused.stream(0, kClient).bind(kClient, 1).stream(1, kServer).bind(kServer, 1).hold();
  refused.connect(kClient).connect(kServer).pass(1).shut(kClient, 2).release().error(kServer);
  all.push_back({"a RST in SYN_RCVD", Row::none, refused.take()});
  Teller none(v6);
  none.connected().set(kClient, kLinger2, -1).close(kClient).error(kServer).recv(kServer);
  all.push_back({"TCP_LINGER2 below 0", Row::none, none.take()});
  Teller defers(v6);
  defers.stream(1, kListener).bind(kListener, 1).listen(kListener).stream(0, kClient);
  defers.set(kClient, kDeferAccept, 5).connect(kClient).accept(kListener, kServer).send(kClient);
  defers.accept(kListener, kServer).recv(kServer).close(kServer).close(kClient);
  all.push_back({"TCP_DEFER_ACCEPT of who connects", Row::none, defers.take()});
  Teller kept(v6);
  kept.connected().set(kClient, kTos, 60).op(Op::disconnect, kClient);
  kept.get(kClient, kTos).set(kClient, kTos, -1).get(kClient, kTos);
  all.push_back({"options outlive their connection", Row::none, kept.take()});
}

void urgent_octets(std::vector<Section>& all, bool v6) {
  Teller two(v6);
  two.connected().send(kClient, 3, kOob).send(kClient, 2, kOob).recv(kServer, 10, kOob);
  two.recv(kServer, 10).recv(kServer, 10).send(kClient, 1, kOob).send(kClient, 1, kOob);
  two.recv(kServer, 10, kOob | kPeek).recv(kServer, 10, kOob).recv(kServer, 10, kOob);
  two.recv(kServer, 10).send(kClient, 1, kOob).send(kClient, 4).shut(kClient, 1);
  two.recv(kServer, 10, kOob).recv(kServer, 10).recv(kServer, 10, kOob).recv(kServer, 10);
  all.push_back({"a second urgent octet", Row::none, two.take()});
  Teller shut(v6);
  shut.connected().shut(kServer, 2).send(kClient, 3, kOob).recv(kServer, 10, kOob).recv(kServer);
  all.push_back({"an urgent octet after SHUT_RDWR", Row::shut_rdwr, shut.take()});
  Teller reset(v6);
  reset.connected().send(kClient, 3, kOob).set(kClient, kLinger, 1).close(kClient);
  reset.recv(kServer, 10, kOob).error(kServer).recv(kServer, 10, kOob).recv(kServer);
  all.push_back({"an urgent octet before a RST", Row::none, reset.take()});
  Teller corked(v6);
  corked.connected().set(kClient, kCork, 1).send(kClient, 3).send(kClient, 2, kOob);
  corked.recv(kServer, 10).send(kClient, 3).recv(kServer, 10).set(kClient, kCork, 0);
  all.push_back({"a cork does not hold urgent octets", Row::none, corked.take()});
  Teller last(v6);
  last.connected().hold().send(kClient, 3000).send(kClient, 100).set(kClient, kLinger, 1);
  last.close(kClient).release().recv(kServer, 5000).recv(kServer, 5000);
  all.push_back({"a short segment behind full ones", Row::none, last.take()});
  Teller low(v6);
  low.connected().set(kClient, kNotSentLowAt, 1).send(kClient, 100).hold();
  low.send(kClient, 3000).send(kClient, 50).release().send(kClient, 1);
  low.set(kClient, kNotSentLowAt, 0).send(kClient, 100).recv(kServer, 5000).close(kClient);
  all.push_back({"TCP_NOTSENT_LOWAT", Row::none, low.take()});
}

void octets(std::vector<Section>& all, bool v6) {
  Teller flags(v6);
  flags.connected().send(kClient, 100).recv(kServer, 10, kPeek).recv(kServer, 10);
  flags.recv(kServer, 20, kTrunc).recv(kServer, 0).recv(kServer, 100).recv(kServer, 0);
  flags.recv(kServer, 1).send(kClient, 0).send(kClient, 3000).recv(kServer, 5000, kPeek);
  flags.recv(kServer, 5000);
  all.push_back({"flags of recv()", Row::none, flags.take()});
  Teller urgent(v6);
  urgent.connected().send(kClient, 3).send(kClient, 1, kOob).recv(kServer, 10, kOob);
  urgent.recv(kServer, 10, kOob).recv(kServer, 10).recv(kServer, 10).send(kClient, 2);
  urgent.recv(kServer, 10);
  urgent.send(kClient, 1, kOob).recv(kServer, 10, kPeek).send(kClient, 3).recv(kServer, 2, kPeek);
  urgent.recv(kServer, 10, kOob | kPeek).recv(kServer, 10, kPeek | kTrunc).recv(kServer, 10, kOob);
  urgent.recv(kServer, 10).recv(kServer, 10);
  all.push_back({"one urgent octet", Row::none, urgent.take()});
  Teller pipe(v6);
  pipe.connected()
      .shut(kClient, 1)
      .send(kClient)
      .send(kClient, 5, socket::kMsgNoSignal)
      .send(kClient, 0);
  for (const int how : {-1, 3, 4, 1000}) pipe.shut(kClient, how).shut(kListener, how);
  pipe.close(kServer).send(kClient).recv(kClient).send(kClient);
  all.push_back({"SIGPIPE, and other values of shutdown()", Row::none, pipe.take()});
  Teller full(v6);
  full.connected().op(Op::fill, kServer).send(kServer, 1).op(Op::drain, kClient);
  full.send(kServer, 1).recv(kClient);
  all.push_back({"a full buffer", Row::none, full.take()});
}

/// MSG_MORE and UDP_CORK: one datagram of several calls, for whom the first of them said.
void begun_datagrams(std::vector<Section>& all, bool v6) {
  constexpr int kMore = 0x8000;
  Teller more(v6);
  more.datagrams(0, 1).bind(1, 2).datagrams(1, 2).bind(2, 1).datagrams(1, 3).bind(3, 3).connect(1);
  more.send(1, 5, kMore).send(1, 0, kMore).recv(2).send_to(1, 7, 3).recv(2, 100).recv(3);
  more.send(1, 5, kMore | kOob).send(1, 3, kMore).shut(1, 1).send(1, 4).recv(2).send(1);
  more.send(1, 9, kMore).send(1, 9);
  all.push_back({"datagrams in parts", Row::none, more.take()});
  constexpr int kUdpCork = option("UDP_CORK");
  Teller corked(v6);
  corked.datagrams(0, 1).bind(1, 2).datagrams(1, 2).bind(2, 1).datagrams(1, 3).bind(3, 3);
  corked.set(1, kUdpCork, 1).get(1, kUdpCork).send_to(1, 5, 1).send(1, 6).connect(1, 3).recv(2);
  corked.set(1, kUdpCork, 0).recv(2).recv(3).set(1, kUdpCork, 5).send(1, 4).op(Op::disconnect, 1);
  corked.send(1, 2).recv(3).set(1, kUdpCork, 0).get(1, kUdpCork).recv(3, 100).send(1, 2);
  corked.set(1, kUdpCork, 1).send_to(1, 60000, 1).send_to(1, 6000, 1).set(1, kUdpCork, 0).recv(2);
  corked.set(1, kUdpCork, 1).send_to(1, 3, 1).close(1).recv(2).stream(0, 4).set(4, kUdpCork, 1);
  corked.get(4, kUdpCork);
  all.push_back({"UDP_CORK", Row::none, corked.take()});
}

void datagrams(std::vector<Section>& all, bool v6) {
  Teller plain(v6);
  plain.datagrams(0, 1).bind(1, 2).datagrams(1, 2).names(1).names(2).bind(2, 1, kAny).names(2);
  plain.send_to(1, 5, 1).send_to(1, 0, 1).send_to(1, 3000, 1).recv(2).recv(2).recv(2, 100).recv(2);
  plain.send_to(2, 9, 2).recv(1, 4, kPeek).recv(1, 4, kPeek | kTrunc).recv(1, 4).recv(1);
  plain.send(1).send_to(1, 5, 0).send_to(1, 70000, 1).bind(1, 3).listen(1).accept(1, 4).close(1);
  all.push_back({"datagrams", Row::none, plain.take()});
  Teller connected(v6);
  connected.datagrams(0, 1).bind(1, 2).datagrams(1, 2).bind(2, 1).datagrams(1, 3).connect(1);
  connected.names(1).send(1).recv(2).connect(2, 2).send_to(3, 5, 2).recv(1).send(2, 7).recv(1);
  connected.send_to(1, 3, 2).op(Op::disconnect, 1).names(1).send(1).send_to(3, 5, 2).recv(1);
  connected.connect(1, 3).send(1).error(1).send(1).send(1).recv(1).connect(1, 1).send(1).recv(2);
  all.push_back({"datagrams to one peer", Row::none, connected.take()});
  Teller shut(v6);
  shut.datagrams(0, 1).shut(1, 2).send_to(1, 5, 1).datagrams(0, 2).bind(2, 2).datagrams(1, 3);
  shut.bind(3, 1).connect(2).shut(2, 1).send(2).send_to(2, 5, 1).connect(3, 2).send(3).recv(2);
  shut.shut(2, 0).recv(2).send(3).recv(2).recv(2).shut(2, 3).shut(2, 2).names(2).close(2).close(3);
  all.push_back({"datagrams and shutdown", Row::none, shut.take()});
  begun_datagrams(all, v6);
  Teller taken(v6);
  taken.datagrams(0, 1).bind(1, 2).datagrams(0, 2).bind(2, 2).bind(2, 2, kAny).bind(2, 3);
  taken.datagrams(0, 3).set(3, kReuseAddress, 1).bind(3, 2).set(1, kReuseAddress, 1).bind(3, 2);
  taken.bind(3, 0).names(3);
  all.push_back({"ports of datagrams", Row::none, taken.take()});
}

/// Sockets of AF_INET6 and IPv4: addresses are mapped, or refused where IPV6_V6ONLY is on.
void both_families(std::vector<Section>& all) {
  for (const int only : {0, 1}) {
    const std::string name = only == 0 ? "a dual-stack " : "an IPV6_V6ONLY ";
    Teller server(true);
    server.stream(1, kListener).set(kListener, kOnlyV6, only).bind(kListener, 1, kAny);
    server.names(kListener).listen(kListener).names(kListener).family(false).stream(0, kClient);
    server.connect(kClient).connect(kClient).accept(kListener, kServer).names(kServer);
    server.names(kClient).send(kClient).recv(kServer).send(kServer, 3).recv(kClient);
    server.family(true).stream(0, 4).connect(4).accept(kListener, 5).names(5).send(4).recv(5);
    server.close(kServer).close(kClient).close(5).close(4).set(kListener, kOnlyV6, 0);
    all.push_back({name + "listener", Row::none, server.take()});
    Teller client(false);
    client.stream(1, kListener).bind(kListener, 1).listen(kListener).family(true);
    client.stream(0, kClient).set(kClient, kOnlyV6, only).connect(kClient, 1, kOther);
    client.connect(kClient, 1, kOther).names(kClient).accept(kListener, kServer).names(kServer);
    client.send(kClient).recv(kServer).close(kServer).recv(kClient).close(kClient);
    all.push_back({name + "client", Row::none, client.take()});
    for (const int first : {0, int{kAny}, int{kOther}, kAny | kOther}) {
      Teller conflicts(true);
      conflicts.stream(0, 1).set(1, kOnlyV6, only).bind(1, 1, first).names(1);
      conflicts.stream(0, 2).bind(2, 1).stream(0, 3).bind(3, 1, kAny).stream(0, 4);
      conflicts.bind(4, 1, kOther).family(false).stream(0, 5).bind(5, 1).stream(0, 6);
      conflicts.bind(6, 1, kAny).listen(1).listen(2).listen(3).listen(4).listen(5).listen(6);
      all.push_back(
          {name + "socket's place, address " + std::to_string(first), Row::none, conflicts.take()});
      Teller udp(true);
      udp.datagrams(0, 1).set(1, kOnlyV6, only).bind(1, 1, first).names(1);
      udp.datagrams(0, 2).bind(2, 1).datagrams(0, 3).bind(3, 1, kAny).datagrams(0, 4);
      udp.bind(4, 1, kOther).family(false).datagrams(0, 5).bind(5, 1).datagrams(0, 6);
      udp.bind(6, 1, kAny).datagrams(1, 7).send_to(7, 5, 1).family(true).datagrams(1, 8);
      udp.send_to(8, 6, 1).recv(1).recv(1).send_to(8, 7, 1, kOther).recv(1);
      udp.send_to(1, 5, 2, kOther).connect(1, 2, kOther).names(1).connect(1, 2).names(1);
      all.push_back(
          {name + "socket's datagrams, address " + std::to_string(first), Row::none, udp.take()});
    }
  }
  Teller wrong(false);
  wrong.stream(0, 1).connect(1, 1, kOther).bind(1, 1, kOther).datagrams(0, 2).connect(2, 1, kOther);
  wrong.send_to(2, 5, 1, kOther).bind(2, 1, kOther).family(true).stream(0, 3).bind(3, 1);
  wrong.connect(3, 1, kOther).stream(0, 4).bind(4, 1, kOther).connect(4, 1);
  all.push_back({"addresses of the other family", Row::none, wrong.take()});
}

}  // namespace

std::vector<Section> program() {
  std::vector<Section> all;
  for (const bool v6 : {false, true}) {
    const std::size_t before = all.size();
    shutdowns(all, v6);
    holders(all, v6);
    resets(all, v6);
    closes(all, v6);
    endings(all, v6);
    listeners(all, v6);
    openings(all, v6);
    places(all, v6);
    said_before(all, v6);
    octets(all, v6);
    urgent_octets(all, v6);
    datagrams(all, v6);
    found_at_random(all, v6);
    for (std::size_t i = before; v6 && i < all.size(); ++i) all[i].name += ", IPv6";
  }
  both_families(all);
  return all;
}

}  // namespace lastack::worlds
