#include "worlds/readiness.hpp"

#include <functional>
#include <string_view>

#include "socket/numbers.hpp"
#include "worlds/teller.hpp"

namespace lastack::worlds {
namespace {

constexpr int kOther0 = 4;  // slots beside the connection's

int option_called(std::string_view name) {
  for (std::size_t i = 0; i < kOptionChoices.size(); ++i) {
    if (kOptionChoices[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

struct Part {
  std::string name;
  std::function<void(Teller&)> tell;
};

/// What waits to be read at the client.
std::vector<Part> received() {
  const int low_at = option_called("SO_RCVLOWAT");
  const int in_line = option_called("SO_OOBINLINE");
  return {
      {"nothing to read", [](Teller&) {}},
      {"5 octets to read", [](Teller& t) { t.send(kServer); }},
      {"all octets read", [](Teller& t) { t.send(kServer).recv(kClient); }},
      {"5 octets, SO_RCVLOWAT 10", [=](Teller& t) { t.set(kClient, low_at, 10).send(kServer); }},
      {"20 octets, SO_RCVLOWAT 10",
       [=](Teller& t) { t.set(kClient, low_at, 10).send(kServer, 20); }},
      {"SO_RCVLOWAT 10 set behind 5 octets",
       [=](Teller& t) { t.send(kServer).set(kClient, low_at, 10); }},
      {"an urgent octet behind 3", [](Teller& t) { t.send(kServer, 4, socket::kMsgOob); }},
      {"an urgent octet next", [](Teller& t) { t.send(kServer, 1, socket::kMsgOob); }},
      {"an urgent octet next, 3 behind it",
       [](Teller& t) { t.send(kServer, 1, socket::kMsgOob).send(kServer, 3); }},
      {"the urgent octet read",
       [](Teller& t) { t.send(kServer, 4, socket::kMsgOob).recv(kClient, 1, socket::kMsgOob); }},
      {"read past the urgent octet",
       [](Teller& t) {
         t.send(kServer, 4, socket::kMsgOob).send(kServer, 3).recv(kClient, 10).recv(kClient, 1);
       }},
      {"an urgent octet, SO_OOBINLINE",
       [=](Teller& t) { t.set(kClient, in_line, 1).send(kServer, 1, socket::kMsgOob); }},
  };
}

/// What becomes of the connection then.
std::vector<Part> endings() {
  const int linger = option_called("SO_LINGER");
  return {
      {"", [](Teller&) {}},
      {"SHUT_WR held", [](Teller& t) { t.hold().shut(kClient, 1); }},
      {"SHUT_WR", [](Teller& t) { t.shut(kClient, 1); }},
      {"SHUT_RD", [](Teller& t) { t.shut(kClient, 0); }},
      {"SHUT_RDWR", [](Teller& t) { t.shut(kClient, 2); }},
      {"the peer's FIN", [](Teller& t) { t.shut(kServer, 1); }},
      {"FINs that cross", [](Teller& t) { t.hold().shut(kClient, 1).shut(kServer, 1).pass(2); }},
      {"the peer's FIN, SHUT_WR held",
       [](Teller& t) { t.shut(kServer, 1).hold().shut(kClient, 1); }},
      {"the peer's FIN, SHUT_RD", [](Teller& t) { t.shut(kServer, 1).shut(kClient, 0); }},
      {"the peer's FIN, SHUT_RDWR", [](Teller& t) { t.shut(kServer, 1).shut(kClient, 2); }},
      {"SHUT_WR, the peer's FIN", [](Teller& t) { t.shut(kClient, 1).shut(kServer, 1); }},
      {"a RST", [=](Teller& t) { t.set(kServer, linger, 1).close(kServer); }},
      {"a RST, SO_ERROR read",
       [=](Teller& t) { t.set(kServer, linger, 1).close(kServer).error(kClient); }},
      {"SHUT_WR, a RST",
       [=](Teller& t) { t.shut(kClient, 1).set(kServer, linger, 1).close(kServer); }},
      {"the peer's FIN, a RST",
       [=](Teller& t) { t.shut(kServer, 1).set(kServer, linger, 1).close(kServer); }},
  };
}

/// What waits to be sent at the client.
std::vector<Part> to_send() {
  const int low_at = option_called("TCP_NOTSENT_LOWAT");
  return {
      {"no room to send", [](Teller& t) { t.op(Op::fill, kClient); }},
      {"no room to send, 5 octets to read",
       [](Teller& t) { t.send(kServer).op(Op::fill, kClient); }},
      {"TCP_NOTSENT_LOWAT 1, nothing to send", [=](Teller& t) { t.set(kClient, low_at, 1); }},
      {"TCP_NOTSENT_LOWAT 1, octets not sent",
       [=](Teller& t) { t.op(Op::fill, kClient).set(kClient, low_at, 1); }},
      {"a full receive buffer", [](Teller& t) { t.op(Op::fill, kServer); }},
      {"room again", [](Teller& t) { t.op(Op::fill, kClient).op(Op::drain, kServer); }},
  };
}

std::string joined(const std::string& a, const std::string& b) {
  return b.empty() ? a : a + ", " + b;
}

void connections(std::vector<Situation>& all) {
  std::vector<Part> before = received();
  const std::size_t plain = before.size();
  for (Part& part : to_send()) before.push_back(std::move(part));
  for (std::size_t i = 0; i < before.size(); ++i) {
    const Part& first = before[i];
    for (const Part& then : endings()) {
      // What comes from a peer whose buffer is full may open its window: as much as it likes.
      if (i >= plain && then.name.find("FIN") != std::string::npos) continue;
      Teller t;
      t.connected();
      first.tell(t);
      then.tell(t);
      all.push_back({joined(first.name, then.name), t.take(), kClient});
    }
  }
}

void openings(std::vector<Situation>& all) {
  const auto add = [&](std::string name, Teller& t, int slot = kClient) {
    all.push_back({std::move(name), t.take(), slot});
  };
  const std::vector<Part> fresh{
      {"fresh", [](Teller& t) { t.stream(0, kClient); }},
      {"bound", [](Teller& t) { t.stream(0, kClient).bind(kClient, 2); }},
      {"the SYN held", [](Teller& t) { t.stream(0, kClient).hold().connect(kClient); }},
      {"refused", [](Teller& t) { t.stream(0, kClient).connect(kClient, 3); }},
      {"refused, SO_ERROR read",
       [](Teller& t) { t.stream(0, kClient).connect(kClient, 3).error(kClient); }},
      {"refused, connect() again",
       [](Teller& t) { t.stream(0, kClient).connect(kClient, 3).connect(kClient, 3); }},
      {"SYNs that cross",
       [](Teller& t) {
         t.stream(0, kClient).bind(kClient, 1).stream(1, kServer).bind(kServer, 1).hold();
         t.connect(kClient).connect(kServer).pass(2);
       }},
      {"SYNs that cross, all arrived",
       [](Teller& t) {
         t.stream(0, kClient).bind(kClient, 1).stream(1, kServer).bind(kServer, 1).hold();
         t.connect(kClient).connect(kServer).release();
       }},
      {"connected, AF_UNSPEC", [](Teller& t) { t.connected().op(Op::disconnect, kClient); }},
      {"connected, connect() not asked",
       [](Teller& t) {
         t.stream(1, kListener).bind(kListener, 1).listen(kListener).stream(0, kClient);
         t.connect(kClient);
       }},
  };
  for (const Part& part : fresh) {
    Teller t;
    part.tell(t);
    add(part.name, t);
    for (int how = 0; how < 3; ++how) {
      // RFC 9293 §3.10.4 sends the FIN of a SYN_RCVD at once; Linux waits for the handshake.
      if (part.name == "SYNs that cross" && how > 0) continue;
      Teller shut;
      part.tell(shut);
      shut.shut(kClient, how);
      add(part.name + ", shutdown " + std::to_string(how), shut);
    }
  }
}

void listeners(std::vector<Situation>& all) {
  const std::vector<Part> queues{
      {"none waits", [](Teller&) {}},
      {"one waits", [](Teller& t) { t.stream(0, kClient).connect(kClient); }},
      {"more than the backlog wait",
       [](Teller& t) {
         for (int i = kOther0; i < kOther0 + 3; ++i) t.stream(0, i).connect(i);
       }},
      {"one was accepted",
       [](Teller& t) { t.stream(0, kClient).connect(kClient).accept(kListener, kServer); }},
      {"one waits and was reset",
       [](Teller& t) {
         t.stream(0, kClient).connect(kClient).set(kClient, option_called("SO_LINGER"), 1);
         t.close(kClient);
       }},
      {"a handshake under way",
       [](Teller& t) { t.stream(0, kClient).hold().connect(kClient).pass(1); }},
  };
  for (const Part& queue : queues) {
    for (int how = -1; how < 3; ++how) {
      Teller t;
      t.stream(1, kListener).bind(kListener, 1).listen(kListener, 1);
      queue.tell(t);
      if (how >= 0) t.shut(kListener, how);
      all.push_back(
          {"a listener, " + queue.name + (how >= 0 ? ", shutdown " + std::to_string(how) : ""),
           t.take(), kListener});
    }
  }
}

void datagrams(std::vector<Situation>& all) {
  const std::vector<Part> stages{
      {"fresh", [](Teller& t) { t.datagrams(0, kClient); }},
      {"bound", [](Teller& t) { t.datagrams(0, kClient).bind(kClient, 2); }},
      {"connected", [](Teller& t) { t.datagrams(0, kClient).connect(kClient); }},
      {"refused", [](Teller& t) { t.datagrams(0, kClient).connect(kClient, 3).send(kClient); }},
      {"refused, SO_ERROR read",
       [](Teller& t) { t.datagrams(0, kClient).connect(kClient, 3).send(kClient).error(kClient); }},
      {"refused, not connected", [](Teller& t) { t.datagrams(0, kClient).send_to(kClient, 5, 3); }},
      {"a datagram waits",
       [](Teller& t) {
         t.datagrams(0, kClient).bind(kClient, 2).datagrams(1, kServer);
         t.send_to(kServer, 5, 2);
       }},
      {"an empty datagram waits",
       [](Teller& t) {
         t.datagrams(0, kClient).bind(kClient, 2).datagrams(1, kServer);
         t.send_to(kServer, 0, 2);
       }},
      {"two wait, one read",
       [](Teller& t) {
         t.datagrams(0, kClient).bind(kClient, 2).datagrams(1, kServer);
         t.send_to(kServer, 5, 2).send_to(kServer, 5, 2).recv(kClient);
       }},
      {"all read",
       [](Teller& t) {
         t.datagrams(0, kClient).bind(kClient, 2).datagrams(1, kServer);
         t.send_to(kServer, 5, 2).recv(kClient);
       }},
  };
  for (const Part& stage : stages) {
    for (int how = -1; how < 3; ++how) {
      Teller t;
      stage.tell(t);
      if (how >= 0) t.shut(kClient, how);
      all.push_back(
          {"datagrams, " + stage.name + (how >= 0 ? ", shutdown " + std::to_string(how) : ""),
           t.take(), kClient});
    }
  }
}

}  // namespace

std::vector<Situation> situations() {
  std::vector<Situation> all;
  openings(all);
  listeners(all);
  connections(all);
  datagrams(all);
  return all;
}

std::string readiness_row(World& world, const Situation& situation, std::uint16_t ports) {
  return situation.name + "\t" + standing(world, situation.script, situation.slot, ports);
}

}  // namespace lastack::worlds
