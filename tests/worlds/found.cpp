// What random scripts have shown to differ once: sections of the written program since.
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

}  // namespace

void found_at_random(std::vector<Section>& all, bool v6) {
  buffers(all, v6);
  sharing(all, v6);
  half_open(all, v6);
  crossed_and_listens(all, v6);
  bound_and_over(all, v6);
  urgent_and_disconnected(all, v6);
  if (v6) both_families_kept(all);
  if (v6) mapped_kept(all);
}

}  // namespace lastack::worlds
