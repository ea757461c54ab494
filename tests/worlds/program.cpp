#include "worlds/program.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace lastack::worlds {
namespace {

constexpr int kOob = 0x1;
constexpr int kPeek = 0x2;
constexpr int kTrunc = 0x20;
constexpr int kLinger = static_cast<int>(kOptionChoices.size()) - 1;
constexpr int kReuseAddress = 0;

// Slots of every section.
constexpr int kListener = 0;
constexpr int kClient = 1;  // at A
constexpr int kServer = 2;  // at B
constexpr int kCopy = 3;

/// Says steps as a program says calls.
class Teller {
 public:
  Teller& stream(int side, int slot) { return add({.op = Op::stream, .side = side, .slot = slot}); }
  Teller& bind(int slot, int place, int any = 0) {
    return add({.op = Op::bind, .slot = slot, .a = place, .b = any});
  }
  Teller& listen(int slot, int backlog = 5) {
    return add({.op = Op::listen, .slot = slot, .a = backlog});
  }
  Teller& connect(int slot, int place = 1) {
    return add({.op = Op::connect, .slot = slot, .a = place});
  }
  Teller& accept(int slot, int to) { return add({.op = Op::accept, .slot = slot, .to = to}); }
  Teller& dup(int slot, int to) { return add({.op = Op::dup, .slot = slot, .to = to}); }
  Teller& send(int slot, int octets = 5, int flags = 0) {
    return add({.op = Op::send, .slot = slot, .a = octets, .b = flags});
  }
  Teller& recv(int slot, int octets = 100, int flags = 0) {
    return add({.op = Op::recv, .slot = slot, .a = octets, .b = flags});
  }
  Teller& shut(int slot, int how) { return add({.op = Op::shutdown, .slot = slot, .a = how}); }
  Teller& close(int slot) { return add({.op = Op::close, .slot = slot}); }
  Teller& error(int slot) { return add({.op = Op::error, .slot = slot}); }
  Teller& names(int slot) { return add({.op = Op::names, .slot = slot}); }
  Teller& set(int slot, int option, int value) {
    return add({.op = Op::set, .slot = slot, .a = option, .b = value});
  }
  Teller& op(Op what, int slot = 0) { return add({.op = what, .slot = slot}); }
  Teller& hold() { return op(Op::hold); }
  Teller& release() { return op(Op::release); }

  /// A listens not, B does; they are connected.
  Teller& connected() {
    return stream(1, kListener)
        .bind(kListener, 1)
        .listen(kListener)
        .stream(0, kClient)
        .connect(kClient)
        .connect(kClient)
        .accept(kListener, kServer);
  }
  [[nodiscard]] Script take() { return std::move(script_); }

 private:
  Teller& add(const Step& step) {
    script_.push_back(step);
    return *this;
  }
  Script script_;
};

/// How a pair of shutdowns differs from Linux by default.
Row row_of(int first, int second, bool data) {
  if (!data || (first == 1 && second == 1)) return Row::none;
  return Row::shut_rd;
}

/// shutdown() twice, in each order, before the peer's FIN, during it and after it; with octets that
/// wait to be read, and others that come later.
void shutdowns(std::vector<Section>& all) {
  for (int first = 0; first < 3; ++first) {
    for (int second = 0; second < 3; ++second) {
      const std::string order = std::to_string(first) + " then " + std::to_string(second);
      Teller before;
      before.connected().send(kServer).shut(kClient, first).shut(kClient, second).recv(kClient);
      before.send(kClient).send(kServer).recv(kClient).shut(kServer, 1).close(kClient);
      all.push_back(
          {"shutdown " + order + " before the FIN", row_of(first, second, true), before.take()});
      Teller after;
      after.connected().shut(kServer, 1).shut(kClient, first).shut(kClient, second);
      after.recv(kClient).send(kClient).recv(kServer).close(kClient).error(kServer);
      all.push_back({"shutdown " + order + " after the FIN", Row::none, after.take()});
      Teller during;
      during.connected().hold().shut(kServer, 1).shut(kClient, first).shut(kClient, second);
      during.release().recv(kClient).recv(kServer).close(kClient).close(kServer);
      all.push_back(
          {"shutdown " + order + " while the FIN is on its way", Row::none, during.take()});
    }
  }
}

void holders(std::vector<Section>& all) {
  Teller child;
  child.connected().dup(kClient, 3).dup(kClient, 4).dup(kClient, 5);
  child.close(kClient).close(4).send(3).recv(kServer).close(3).send(5).recv(kServer).close(5);
  child.recv(kServer).close(kServer);
  all.push_back({"the child's copy keeps it open", Row::none, child.take()});
  Teller one;
  one.connected().dup(kClient, 3).dup(kClient, 4).dup(kClient, 5).shut(4, 1);
  one.send(kClient).send(3).send(5).send(kServer).recv(3).close(kClient).close(3).close(4);
  one.send(kServer).recv(5).close(kServer).recv(5).close(5);
  all.push_back({"one of four shuts it for all", Row::none, one.take()});
}

void resets(std::vector<Section>& all) {
  Teller unread;
  unread.connected().send(kServer, 10).close(kClient).recv(kServer).error(kServer).recv(kServer);
  unread.send(kServer).names(kServer).shut(kServer, 2).close(kServer);
  all.push_back({"close with unread octets resets", Row::none, unread.take()});
  Teller zero;
  zero.connected().set(kClient, kLinger, 1).send(kClient).close(kClient).recv(kServer);
  zero.recv(kServer).error(kServer).recv(kServer).send(kServer);
  all.push_back({"linger 0 resets", Row::none, zero.take()});
  Teller in_close_wait;
  in_close_wait.connected().shut(kClient, 1).set(kClient, kLinger, 1).send(kServer).close(kClient);
  in_close_wait.error(kServer).send(kServer).recv(kServer).close(kServer);
  all.push_back({"a RST in CLOSE_WAIT is EPIPE", Row::none, in_close_wait.take()});
  Teller both;
  both.connected().send(kServer).shut(kClient, 2).send(kServer, 7).recv(kClient).error(kClient);
  both.send(kServer).error(kServer).recv(kServer).close(kClient);
  all.push_back({"octets after SHUT_RDWR", Row::shut_rdwr, both.take()});
  Teller late;
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
void closes(std::vector<Section>& all) {
  for (const StateOfA& state : kStatesOfA) {
    for (const char* how : {"all read", "octets unread", "linger 0"}) {
      Teller tell;
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

void endings(std::vector<Section>& all) {
  Teller simultaneous;
  simultaneous.connected().hold().close(kClient).close(kServer).release();
  all.push_back({"simultaneous close", Row::none, simultaneous.take()});
  Teller half;
  half.connected().shut(kClient, 1).recv(kServer).send(kServer, 3000).recv(kClient, 5000);
  half.send(kServer, 1).recv(kClient).close(kServer).recv(kClient).names(kClient).close(kClient);
  all.push_back({"a half-closed client goes on receiving", Row::none, half.take()});
  Teller orphan;
  orphan.connected().close(kClient).send(kServer).error(kServer).send(kServer).recv(kServer);
  all.push_back({"octets for an orphan", Row::none, orphan.take()});
}

void listeners(std::vector<Section>& all) {
  for (int how = 0; how < 3; ++how) {
    Teller shut;
    shut.stream(1, kListener).bind(kListener, 1).listen(kListener).stream(0, kClient);
    shut.connect(kClient).shut(kListener, how).accept(kListener, kServer).recv(kClient);
    shut.error(kClient).shut(kListener, how).listen(kListener).names(kListener);
    all.push_back({"shutdown " + std::to_string(how) + " of a listener", Row::none, shut.take()});
  }
  Teller closed;
  closed.stream(1, kListener).bind(kListener, 1).listen(kListener).stream(0, kClient);
  closed.connect(kClient).stream(0, 4).connect(4).close(kListener).recv(kClient).recv(4);
  closed.connect(kClient).connect(4).connect(4);
  all.push_back({"a listener closed with connections waiting", Row::none, closed.take()});
  Teller full;
  full.stream(1, kListener).bind(kListener, 1).listen(kListener, 0);
  for (int i = 4; i < 7; ++i) full.stream(0, i).connect(i);
  full.accept(kListener, kServer).accept(kListener, kCopy);
  all.push_back({"accept queue full", Row::none, full.take()});
  Teller gone;
  gone.stream(1, kListener).bind(kListener, 1).listen(kListener).stream(0, kClient);
  gone.connect(kClient).set(kClient, kLinger, 1).close(kClient).accept(kListener, kServer);
  gone.names(kServer).recv(kServer).recv(kServer).error(kServer).close(kServer);
  all.push_back({"accept after the peer is gone", Row::none, gone.take()});
  for (const int way : {0, 1, 2, 3}) {
    const int first = way / 2;
    const int second = way % 2;
    Teller again;
    again.stream(1, kListener).set(kListener, kReuseAddress, first).bind(kListener, 1);
    again.listen(kListener).stream(0, kClient).connect(kClient).accept(kListener, kServer);
    again.close(kServer).close(kClient).close(kListener).stream(1, 4);
    again.set(4, kReuseAddress, second).bind(4, 1).listen(4);
    all.push_back({"a restarted server, SO_REUSEADDR of the first " + std::to_string(first) +
                       ", of the second " + std::to_string(second),
                   Row::none, again.take()});
  }
}

void openings(std::vector<Section>& all) {
  Teller refused;
  refused.stream(0, kClient).connect(kClient, 3).send(kClient).recv(kClient).names(kClient);
  refused.connect(kClient, 3).connect(kClient, 3).shut(kClient, 2).connect(kClient, 3);
  all.push_back({"refused, and again", Row::none, refused.take()});
  Teller early;
  early.stream(0, kClient).hold().connect(kClient, 3).connect(kClient, 3).send(kClient);
  early.recv(kClient).names(kClient).shut(kClient, 1).error(kClient).shut(kClient, 1).release();
  all.push_back({"shutdown in SYN_SENT", Row::none, early.take()});
  Teller fresh;
  fresh.stream(0, kClient).send(kClient).recv(kClient).shut(kClient, 1).shut(kClient, 3);
  fresh.send(kClient).names(kClient).accept(kClient, 4).bind(kClient, 2).bind(kClient, 3);
  fresh.names(kClient).close(kClient).close(kClient);
  all.push_back({"calls before there is a connection", Row::none, fresh.take()});
}

void octets(std::vector<Section>& all) {
  Teller flags;
  flags.connected().send(kClient, 100).recv(kServer, 10, kPeek).recv(kServer, 10);
  flags.recv(kServer, 20, kTrunc).recv(kServer, 0).recv(kServer, 100).recv(kServer, 0);
  flags.recv(kServer, 1).send(kClient, 0).send(kClient, 3000).recv(kServer, 5000, kPeek);
  flags.recv(kServer, 5000);
  all.push_back({"flags of recv()", Row::none, flags.take()});
  Teller urgent;
  urgent.connected().send(kClient, 3).send(kClient, 1, kOob).recv(kServer, 10, kOob);
  urgent.recv(kServer, 10, kOob).recv(kServer, 10).recv(kServer, 10).send(kClient, 2);
  urgent.recv(kServer, 10);
  all.push_back({"one urgent octet", Row::none, urgent.take()});
  Teller full;
  full.connected().op(Op::fill, kServer).send(kServer, 1).op(Op::drain, kClient);
  full.send(kServer, 1).recv(kClient);
  all.push_back({"a full buffer", Row::none, full.take()});
}

}  // namespace

std::vector<Section> program() {
  std::vector<Section> all;
  shutdowns(all);
  holders(all);
  resets(all);
  closes(all);
  endings(all);
  listeners(all);
  openings(all);
  octets(all);
  return all;
}

}  // namespace lastack::worlds
