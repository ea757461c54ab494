// What random scripts have shown to differ once: sections of the written program since.
#include <array>
#include <string>

#include "worlds/program.hpp"
#include "worlds/teller.hpp"

namespace lastack::worlds {
namespace {

constexpr int kOutOfBand = 0x1;
constexpr int kOrphan = 3;

/// TCP_NOTSENT_LOWAT is looked at where a buffer begins: one that has begun is filled.
void buffers(std::vector<Section>& all, bool v6) {
  constexpr int kLowAt = option("TCP_NOTSENT_LOWAT");
  Teller begun(v6);
  begun.connected().hold().send(kClient, 100).set(kClient, kLowAt, 1).send(kClient, 100);
  begun.send(kClient, 5).send(kClient, 5, kOutOfBand).release().send(kClient, 5).recv(kServer, 500);
  all.push_back({"TCP_NOTSENT_LOWAT and a buffer that has begun", Row::none, begun.take()});
  for (const int low : {1, 300, 2000}) {
    Teller urgent(v6);
    urgent.connected().set(kClient, kLowAt, low).send(kClient, 3000, kOutOfBand);
    urgent.recv(kServer, 10, kOutOfBand).recv(kServer, 5000).recv(kServer, 5000).send(kClient, 1);
    all.push_back({"TCP_NOTSENT_LOWAT " + std::to_string(low) + " and urgent octets", Row::none,
                   urgent.take()});
  }
  Teller half(v6);
  half.connected().hold().send(kClient, 5).send(kClient, 40);
  for (const int low : {60, 81, 41, 80, 79, 1000}) half.set(kClient, kLowAt, low);
  half.release().recv(kServer, 500).send(kClient);
  all.push_back({"TCP_NOTSENT_LOWAT and twice what has not gone", Row::none, half.take()});
  Teller over(v6);
  over.connected().hold().send(kServer, 5).close(kClient).send(kServer, 3000).release();
  over.set(kServer, kLowAt, 5).set(kServer, kLowAt, 1000);
  all.push_back({"TCP_NOTSENT_LOWAT after a reset", Row::none, over.take()});
  Teller ended(v6);
  ended.connected().shut(kClient, 2).set(kClient, kLowAt, 1).close(kServer).set(kClient, kLowAt, 2);
  all.push_back({"TCP_NOTSENT_LOWAT after SHUT_RDWR", Row::none, ended.take()});
  Teller told(v6);
  told.stream(0, kClient);
  for (const int low : {-1, 0, 7}) told.set(kClient, kLowAt, low).get(kClient, kLowAt);
  all.push_back({"what TCP_NOTSENT_LOWAT is", Row::none, told.take()});
}

/// SO_REUSEADDR and SO_REUSEPORT are two things: who says one does not share with who says the
/// other.
void sharing(std::vector<Section>& all, bool v6) {
  constexpr int kAddress = option("SO_REUSEADDR");
  constexpr int kPort = option("SO_REUSEPORT");
  for (const int first : {kAddress, kPort}) {
    for (const int second : {kAddress, kPort}) {
      const std::string name = std::string(kOptionChoices[static_cast<std::size_t>(first)].name) +
                               " beside " + kOptionChoices[static_cast<std::size_t>(second)].name;
      Teller streams(v6);
      streams.stream(0, 1).set(1, first, 1).bind(1, 1).stream(0, 2).set(2, second, 1).bind(2, 1);
      streams.listen(1).listen(2).stream(0, 3).set(3, second, 1).bind(3, 1);
      all.push_back({name, Row::none, streams.take()});
      Teller udp(v6);
      udp.datagrams(0, 1).set(1, first, 1).bind(1, 1).datagrams(0, 2).set(2, second, 1).bind(2, 1);
      udp.set(1, second, 1).bind(2, 1);
      all.push_back({name + ", datagrams", Row::none, udp.take()});
      Teller connections(v6);
      connections.stream(0, kClient).set(kClient, first, 1).bind(kClient, 2);
      connections.stream(1, kListener).bind(kListener, 1).listen(kListener).connect(kClient);
      connections.accept(kListener, kServer).close(kClient).stream(0, 4).set(4, second, 1);
      connections.bind(4, 2).close(kServer).bind(4, 2).listen(4);
      all.push_back({name + ", of what is over", Row::none, connections.take()});
    }
  }
}

/// What was "::", for both families, keeps 0.0.0.0 for as long as there is anything of it; the same
/// address mapped into IPv6 it does not.
void both_families_kept(std::vector<Section>& all) {
  for (const bool dup : {false, true}) {
    Teller kept(true);
    kept.stream(1, kListener).bind(kListener, 1).listen(kListener).stream(0, kClient);
    kept.bind(kClient, 2, kAny).connect(kClient).accept(kListener, kServer);
    if (dup) kept.dup(kClient, kOrphan);
    kept.stream(0, 4).bind(4, 2, kAny | kOther).close(4).close(kClient).stream(0, 4);
    kept.bind(4, 2, kAny | kOther).close(4).family(false).stream(0, 5).bind(5, 2, kAny);
    kept.close(kServer).bind(5, 2, kAny).bind(5, 2);
    all.push_back({dup ? "what a connection of :: keeps" : "what an orphan of :: keeps", Row::none,
                   kept.take()});
  }
}

/// What bind() was told stays, the mapped unspecified address too: it is IPv4's from then on.
void mapped_kept(std::vector<Section>& all) {
  for (const int place : {0, 2}) {
    Teller kept(true);
    kept.datagrams(0, 1).bind(1, place, kAny | kOther).op(Op::disconnect, 1).names(1).connect(1, 2);
    kept.send_to(1, 5, 2)
        .connect(1, 2, kOther)
        .op(Op::disconnect, 1)
        .connect(1, 2)
        .connect(1, 2, kOther);
    all.push_back({"datagrams bound to mapped 0.0.0.0, port " + std::to_string(place), Row::none,
                   kept.take()});
    Teller stream(true);
    stream.stream(0, 1).bind(1, place, kAny | kOther).op(Op::disconnect, 1).names(1).connect(1, 2);
    stream.connect(1, 2, kOther).connect(1, 2, kOther).op(Op::disconnect, 1).names(1).connect(1, 2);
    all.push_back({"a stream bound to mapped 0.0.0.0, port " + std::to_string(place), Row::none,
                   stream.take()});
    Teller listened(true);  // the address stays, though listening has taken the port along
    listened.stream(0, 1).bind(1, place, kAny | kOther).listen(1).shut(1, 2).names(1);
    listened.connect(1, 2).connect(1, 2, kOther);
    all.push_back({"a mapped address after listening, port " + std::to_string(place), Row::none,
                   listened.take()});
  }
}

/// A handshake whose listener has gone ends with what the peer says next.
void half_open(std::vector<Section>& all, bool v6) {
  for (const bool shut : {false, true}) {
    Teller deferred(v6);
    deferred.stream(1, kListener).bind(kListener, 1).listen(kListener);
    deferred.set(kListener, option("TCP_DEFER_ACCEPT"), 60).stream(0, kClient).connect(kClient);
    Teller held(v6);
    held.stream(1, kListener).bind(kListener, 1).listen(kListener).stream(0, kClient);
    held.hold().connect(kClient).pass(1);
    for (Teller* tell : {&deferred, &held}) {
      shut ? tell->shut(kListener, 2) : tell->close(kListener);
      tell->release().send(kClient).recv(kClient).error(kClient);
      all.push_back({std::string(tell == &held ? "a handshake under way" : "octets not yet there") +
                         (shut ? " at shutdown() of the listener" : " at the listener's end"),
                     Row::none, tell->take()});
    }
  }
}

/// SYNs cross; one of the two gives up and listens where it was. What its child gets is the other's
/// answer to the SYN before.
void crossed_and_listens(std::vector<Section>& all, bool v6) {
  Teller crossed(v6);
  crossed.stream(1, kListener).bind(kListener, 1).stream(0, kClient).bind(kClient, 3).hold();
  crossed.connect(kListener, 3).connect(kClient, 1).shut(kListener, 1).listen(kListener);
  crossed.release().error(kClient).accept(kListener, kServer).names(kClient);
  all.push_back({"SYNs that cross, and one that listens instead", Row::none, crossed.take()});
}

/// SHUT_RD was said while there was no connection, and counts for the one that is made then; not
/// for one that is made after the attempt, the listening or the connection that it ended.
void shut_before(std::vector<Section>& all, bool v6) {
  const auto tells = [&](const std::string& name, Row row, Teller& tell) {
    all.push_back({name, row, tell.take()});
  };
  for (const bool both : {false, true}) {
    const Row row = both ? Row::shut_rdwr : Row::shut_rd;
    const std::string and_then = both ? ", SHUT_WR, octets" : ", octets";
    Teller connects(v6);
    connects.stream(0, kClient).shut(kClient, 0).stream(1, kListener).bind(kListener, 1);
    connects.listen(kListener).connect(kClient).accept(kListener, kServer);
    if (both) connects.shut(kClient, 1);
    connects.send(kServer).recv(kClient).error(kClient).send(kServer).recv(kClient);
    tells("SHUT_RD before connect()" + and_then, row, connects);
    Teller listens(v6);
    listens.stream(1, kListener).bind(kListener, 1).shut(kListener, 0).listen(kListener);
    listens.stream(0, kClient).connect(kClient).accept(kListener, kServer);
    if (both) listens.shut(kServer, 1);
    listens.send(kClient).recv(kServer).error(kServer).send(kClient).recv(kServer);
    tells("SHUT_RD before listen()" + and_then, row, listens);
    for (const bool before : {false, true}) {
      Teller crossed(v6);
      crossed.stream(0, kClient).bind(kClient, 1).stream(1, kServer).bind(kServer, 1);
      if (before) crossed.shut(kServer, 0);
      crossed.hold().connect(kClient).connect(kServer).pass(1);
      if (!before) crossed.shut(kServer, 0);
      if (both) crossed.shut(kServer, 1);
      crossed.release().send(kClient).recv(kServer).send(kClient).recv(kServer).error(kServer);
      tells((before ? "SHUT_RD before SYNs cross" : "SHUT_RD in SYN_RCVD") + and_then, row,
            crossed);
    }
  }
}

/// What ends with SHUT_RD, or after it, is over: the next connection has heard of nothing.
void shut_and_undone(std::vector<Section>& all, bool v6) {
  enum class From : std::uint8_t { connection, refused, syn_sent, listen };
  for (const auto& [from, name] : {std::pair{From::connection, "SHUT_RD, AF_UNSPEC"},
                                   {From::refused, "SHUT_RD, a refusal"},
                                   {From::syn_sent, "SHUT_RD in SYN_SENT"},
                                   {From::listen, "SHUT_RD in LISTEN"}}) {
    Teller again(v6);
    again.stream(0, kClient).stream(1, kListener).bind(kListener, 1).listen(kListener);
    if (from == From::connection) {
      again.connect(kClient).shut(kClient, 0).op(Op::disconnect, kClient);
      again.accept(kListener, 4);
    }
    if (from == From::refused) {
      again.shut(kClient, 0).connect(kClient, 3).connect(kClient, 3).error(kClient);
    }
    if (from == From::syn_sent) again.hold().connect(kClient, 3).shut(kClient, 0).release();
    if (from == From::listen) again.listen(kClient).shut(kClient, 0);
    again.connect(kClient).accept(kListener, kServer).send(kServer).recv(kClient);
    again.shut(kClient, 1).send(kServer).recv(kClient).error(kClient);
    all.push_back({std::string(name) + ", connect()", Row::none, again.take()});
  }
}

/// What MSG_MORE holds back goes with the next call, or once the peer says anything. Of octets
/// alone nothing is said here: with them Linux does what its memory allows.
void held_back(std::vector<Section>& all, bool v6) {
  constexpr int kMore = 0x8000;
  constexpr int kNoDelay = option("TCP_NODELAY");
  constexpr int kCork = option("TCP_CORK");
  const auto tells = [&](const std::string& name, Teller& tell) {
    all.push_back({name, Row::none, tell.take()});
  };
  Teller calls(v6);
  calls.connected().send(kClient, 5, kMore).send(kClient, 0, kMore).send(kClient, 0);
  calls.send(kClient, 5).send(kClient, 3000, kMore).recv(kServer, 5000).send(kClient, 5, kMore);
  calls.send(kClient, 1, kMore | kOutOfBand).send(kClient, 5, kMore).shut(kClient, 1);
  tells("MSG_MORE and calls", calls);
  Teller options(v6);
  options.connected().send(kClient, 5, kMore).set(kClient, kNoDelay, 0).set(kClient, kCork, 1);
  options.set(kClient, kCork, 0).send(kClient, 5, kMore).set(kClient, kCork, 0);
  options.send(kClient, 5, kMore).set(kClient, kNoDelay, 1).send(kClient, 5, kMore);
  options.set(kClient, kNoDelay, 1).set(kClient, kCork, 1).send(kClient, 5).send(kClient, 5, kMore);
  options.set(kClient, kNoDelay, 1).send(kClient, 5).set(kClient, kCork, 0);
  tells("MSG_MORE and options", options);
  Teller news(v6);
  news.connected().hold().send(kClient, 5).send(kClient, 5, kMore).release();
  news.send(kClient, 5, kMore)
      .send(kServer, 1, kOutOfBand)
      .recv(kServer, 100)
      .send(kClient, 5, kMore)
      .recv(kServer, 100);
  news.shut(kServer, 1).send(kClient, 5, kMore).close(kClient);
  tells("MSG_MORE and what the peer says", news);
  Teller reset(v6);
  reset.connected().send(kClient, 5, kMore).close(kServer).send(kClient, 5, kMore).error(kClient);
  tells("MSG_MORE and a peer that closes", reset);
}

/// Nobody is at port 0.
void port_0(std::vector<Section>& all, bool v6) {
  Teller stream(v6);
  stream.stream(0, 1).connect(1, 0).names(1).error(1).connect(1, 0).connect(1, 0).send(1);
  stream.hold().connect(1, 0).connect(1, 0).names(1).shut(1, 1).release().error(1).bind(1, 1);
  stream.names(1).connect(1, 0).recv(1).close(1);
  all.push_back({"connect() to port 0", Row::none, stream.take()});
  Teller udp(v6);
  udp.datagrams(0, 1).connect(1, 0).names(1).send(1).recv(1).send_to(1, 5, 0).shut(1, 1).send(1);
  udp.datagrams(0, 2).bind(2, 2).connect(2, 0).datagrams(1, 3).bind(3, 1).datagrams(1, 4);
  udp.bind(4, 2).send_to(3, 5, 2).send_to(4, 5, 2).recv(2).recv(2).connect(2, 1).send_to(3, 5, 2);
  udp.send_to(4, 5, 2).recv(2).recv(2).connect(2, 0).send(2, 5, 0x8000).send(2, 5).error(2);
  udp.op(Op::disconnect, 2).send_to(4, 5, 2).recv(2).send(2);
  all.push_back({"datagrams, connect() to port 0", Row::none, udp.take()});
  Teller beside(v6);
  for (const int slot : {1, 2, 3}) {
    beside.datagrams(0, slot).set(slot, option("SO_REUSEADDR"), 1).bind(slot, 1);
  }
  beside.connect(2, 0).connect(3, 2).datagrams(1, 4).bind(4, 2).datagrams(1, 5).bind(5, 3);
  beside.send_to(4, 5, 1).send_to(5, 5, 1).close(3).send_to(4, 5, 1).close(2).send_to(4, 5, 1);
  all.push_back({"datagrams to three that share a port", Row::none, beside.take()});
}

/// A port is free once nobody has the socket any more, also where its connection came to nothing.
void bound_and_over(std::vector<Section>& all, bool v6) {
  for (const bool refused : {false, true}) {
    for (const bool dup : {false, true}) {
      Teller over(v6);
      over.stream(0, kClient).bind(kClient, 2);
      if (refused) {
        over.connect(kClient, 1);
      } else {
        over.stream(1, kListener).bind(kListener, 1).listen(kListener).connect(kClient);
        over.accept(kListener, kServer).send(kClient).close(kServer);
      }
      if (dup) over.dup(kClient, kOrphan).close(kClient).stream(0, 4).bind(4, 2).close(4);
      over.close(dup ? kOrphan : kClient).stream(0, 4).bind(4, 2).listen(4);
      all.push_back({std::string("a port after a connection that was ") +
                         (refused ? "refused" : "reset") + (dup ? ", held twice" : ""),
                     Row::none, over.take()});
    }
  }
}

/// What waits in TIME_WAIT has its port as it was: the socket is another one's by then.
void shared_too_late(std::vector<Section>& all, bool v6) {
  for (const char* which : {"SO_REUSEADDR", "SO_REUSEPORT"}) {
    for (const bool late : {false, true}) {
      Teller tell(v6);
      tell.connected().close(kListener);
      if (!late) tell.set(kServer, option(which), 1);
      tell.shut(kServer, 1).close(kClient);
      if (late) tell.set(kServer, option(which), 1);
      tell.bind(kServer, 1);
      all.push_back({std::string(which) + (late ? " in TIME_WAIT" : " before TIME_WAIT"), Row::none,
                     tell.take()});
    }
  }
}

/// Nothing that lay there is left when the socket begins anew, urgent or not.
void urgent_and_disconnected(std::vector<Section>& all, bool v6) {
  for (const int octets : {1, 100}) {
    Teller urgent(v6);
    urgent.connected().send(kServer, octets, kOutOfBand).op(Op::disconnect, kClient);
    urgent.recv(kClient, 10).recv(kClient, 10, kOutOfBand).connect(kClient, 1);
    urgent.accept(kListener, 4).send(4, 5).recv(kClient, 10);
    all.push_back({std::to_string(octets - 1) + " octets, an urgent one, and disconnect()",
                   Row::none, urgent.take()});
  }
}

/// An urgent octet that another overtakes: passed over where the reader stands before it and it is
/// no octet like any other by then.
void overtaken(std::vector<Section>& all, bool v6) {
  constexpr int kInline = option("SO_OOBINLINE");
  for (const int octets : {1, 5}) {
    for (const int when : {0, 1, 2, 3}) {
      Teller urgent(v6);
      urgent.connected();
      if (when == 0) urgent.set(kServer, kInline, 1);
      urgent.send(kClient, octets, kOutOfBand);
      if (when == 1) urgent.set(kServer, kInline, 1);
      urgent.send(kClient, octets, kOutOfBand).send(kClient, 2);
      if (when == 2) urgent.set(kServer, kInline, 1);
      if (when == 0) urgent.set(kServer, kInline, 0);
      urgent.recv(kServer, 20).recv(kServer, 20).recv(kServer, 20).recv(kServer, 1, kOutOfBand);
      all.push_back({"SO_OOBINLINE, " + std::to_string(octets) + " octets, two of them urgent, " +
                         std::to_string(when),
                     Row::none, urgent.take()});
    }
  }
}

/// What IPv4's and IPv6's packets are marked with are two things, and a listener's are its
/// children's.
void marks(std::vector<Section>& all, bool v6) {
  constexpr std::array kMarks{option("IP_TTL"), option("IPV6_UNICAST_HOPS"), option("IP_TOS"),
                              option("IPV6_TCLASS")};
  for (const bool stream : {true, false}) {
    Teller tell(v6);
    stream ? tell.stream(0, 1) : tell.datagrams(0, 1);
    for (const int mark : kMarks) {
      for (const int value : {7, 0, -1, -2, 255, 256, 9}) tell.set(1, mark, value);
      for (const int other : kMarks) tell.get(1, other);
    }
    all.push_back({stream ? "marks of a stream" : "marks of datagrams", Row::none, tell.take()});
  }
  Teller child(v6);
  child.stream(1, kListener).bind(kListener, 1).stream(0, kClient);
  for (const int mark : kMarks) child.set(kListener, mark, 4 * (mark + 1));
  child.listen(kListener).connect(kClient).accept(kListener, kServer);
  for (const int mark : kMarks) child.get(kServer, mark).get(kClient, mark);
  all.push_back({"marks of who is accepted", Row::none, child.take()});
}

/// A datagram has begun, and its socket gets another port: over IPv6 it leaves from the one that
/// the first call had, and what is said of it is not for this socket.
void begun_and_bound_anew(std::vector<Section>& all, bool v6) {
  constexpr int kMore = 0x8000;
  for (const int place : {0, 2}) {
    for (const int there : {1, 4}) {  // nobody is at the latter
      Teller begun(v6);
      begun.datagrams(0, 1).datagrams(1, 2).bind(2, 1).bind(1, place).connect(1, there);
      begun.send(1, 5, kMore).op(Op::disconnect, 1).bind(1, 3).names(1).hold();
      begun.send_to(1, 4, 1).connect(1, there).release().recv(2, 100).error(1).recv(1);
      begun.send(1, 3).recv(2, 100).error(1);
      all.push_back({"a datagram from port " + std::to_string(place) + " to " +
                         std::to_string(there) + ", bound anew",
                     Row::none, begun.take()});
    }
  }
}

/// SO_RCVLOWAT is for who waits: a read that does not finds what is there, and so do those
/// accepted.
void fewer_than_enough(std::vector<Section>& all, bool v6) {
  constexpr int kLowAt = option("SO_RCVLOWAT");
  Teller fewer(v6);
  fewer.stream(1, kListener).bind(kListener, 1).set(kListener, kLowAt, 10).listen(kListener);
  fewer.stream(0, kClient).set(kClient, kLowAt, 1000).get(kClient, kLowAt).connect(kClient);
  fewer.accept(kListener, kServer).get(kServer, kLowAt).send(kClient).recv(kServer, 3);
  fewer.recv(kServer).send(kServer, 999).recv(kClient, 10).recv(kClient, 1000);
  all.push_back({"reading less than SO_RCVLOWAT", Row::none, fewer.take()});
}

/// A read that waits for all brings what came before a reset; the next one says what has happened.
void all_before_a_reset(std::vector<Section>& all, bool v6) {
  constexpr int kWaitAll = 0x100;
  constexpr int kPeek = 0x2;
  for (const int octets : {3, 10}) {
    Teller reset(v6);
    reset.connected().send(kClient).send(kServer, octets).close(kServer);
    reset.recv(kClient, 10, kWaitAll | kPeek).recv(kClient, 10, kWaitAll);
    reset.recv(kClient, 10, kWaitAll).recv(kClient, 10, kWaitAll).error(kClient);
    all.push_back(
        {std::to_string(octets) + " octets of ten, and a reset", Row::none, reset.take()});
  }
}

}  // namespace

void found_at_random(std::vector<Section>& all, bool v6) {
  buffers(all, v6);
  sharing(all, v6);
  half_open(all, v6);
  crossed_and_listens(all, v6);
  bound_and_over(all, v6);
  shut_before(all, v6);
  held_back(all, v6);
  shut_and_undone(all, v6);
  port_0(all, v6);
  shared_too_late(all, v6);
  urgent_and_disconnected(all, v6);
  fewer_than_enough(all, v6);
  overtaken(all, v6);
  begun_and_bound_anew(all, v6);
  marks(all, v6);
  all_before_a_reset(all, v6);
  if (v6) both_families_kept(all);
  if (v6) mapped_kept(all);
}

}  // namespace lastack::worlds
