#include "worlds/classics.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "socket/blocking.hpp"
#include "worlds/comparison.hpp"
#include "worlds/program.hpp"

namespace lastack::worlds {
namespace {

/// Those of the program that have a name; the others stand below.
constexpr std::array kOfTheProgram{
    "the child's copy keeps it open",
    "one of four shuts it for all",
    "close with unread octets resets",
    "linger 0 resets",
    "simultaneous close",
    "a half-closed client goes on receiving",
    "a listener closed with connections waiting",
    "accept queue full",
    "accept after the peer is gone",
    "a restarted server, SO_REUSEADDR of the first 0, of the second 0",
    "a restarted server, SO_REUSEADDR of the first 0, of the second 1",
    "a restarted server, SO_REUSEADDR of the first 1, of the second 0",
    "a restarted server, SO_REUSEADDR of the first 1, of the second 1"};

int failures = 0;

bool said(bool good, const std::string& name) {
  std::printf("%s %s\n", good ? "ok" : "not ok", name.c_str());
  failures += good ? 0 : 1;
  return good;
}

/// What the kernel says to itself is what it says to us, step by step.
void programs() {
  KernelWorlds kernel(KernelWorlds::both);
  KernelWorlds ours_a([] { return KernelWorlds::with_ours(0, false); });
  KernelWorlds ours_b([] { return KernelWorlds::with_ours(1, false); });
  std::size_t found = 0;
  for (const Section& section : program()) {
    const std::string plain = section.name.substr(0, section.name.find(", IPv6"));
    if (std::ranges::find(kOfTheProgram, plain) == kOfTheProgram.end()) continue;
    ++found;
    const auto expected = run_in_time(kernel, section.script);
    for (int ours = 0; ours < 2; ++ours) {
      KernelWorlds& worlds = ours == 0 ? ours_a : ours_b;
      const auto lines = run_in_time(worlds, section.script);
      if (said(lines == expected,
               section.name + (ours == 0 ? ": lastack's client, the kernel's server"
                                         : ": the kernel's client, lastack's server"))) {
        continue;
      }
      for (std::size_t i = 0; i < lines.size(); ++i) {
        std::printf("  %s\n", lines[i].c_str());
        if (lines[i] != expected[i]) std::printf("  kernel: %s\n", expected[i].c_str());
      }
    }
  }
  said(found == 2 * kOfTheProgram.size(), "each of these stands in the program, in both families");
}

/// A connection from A to B; one of them is lastack's.
struct Connected {
  Connected(World& w, bool v6, std::uint16_t port) : world(w), b_end{World::address(1, v6), port} {
    world.begin();
    const int listener = b().open(v6, true);
    b().bind(listener, b_end);
    b().listen(listener, 5);
    client = a().open(v6, true);
    a().connect(client, b_end);
    world.settle();
    server = b().accept(listener);
    b().close(listener);
    a().name(client, false, a_end);
  }
  ~Connected() {
    if (client >= 0) a().close(client);
    if (server >= 0) b().close(server);
    world.settle();
  }
  Connected(const Connected&) = delete;
  Connected& operator=(const Connected&) = delete;
  Side& a() { return world.side(0); }
  Side& b() { return world.side(1); }

  World& world;
  End a_end{}, b_end;
  int client = -1;
  int server = -1;
};

std::byte octet_at(std::size_t at) {
  return static_cast<std::byte>((at * 0x9e3779b97f4a7c15U) >> 56U);
}

/// The client has sent its FIN; the server sends 100 MiB, and the client reads them, each octet.
void after_its_fin(int ours, bool v6) {
  constexpr std::size_t kAll = std::size_t{100} << 20U;
  constexpr std::size_t kChunk = std::size_t{256} << 10U;
  KernelWorlds worlds([=] { return KernelWorlds::with_ours(ours, false); });
  World& world = worlds.next();
  Connected c(world, v6, worlds.ports());
  c.a().shutdown(c.client, 1);
  world.settle();
  std::vector<std::byte> chunk;
  std::vector<std::byte> into(kChunk);
  std::size_t out = 0;
  std::size_t in = 0;
  bool good = true;
  End from;
  while (good && in < kAll) {
    chunk.resize(std::min(kChunk, kAll - out));
    for (std::size_t i = 0; i < chunk.size(); ++i) chunk[i] = octet_at(out + i);
    const int sent = chunk.empty() ? 0 : c.b().send(c.server, chunk, socket::kMsgNoSignal, {});
    if (sent > 0) out += static_cast<std::size_t>(sent);
    world.settle();
    good = c.a().state(c.client) == kTcpFinWait2 && c.b().state(c.server) == kTcpCloseWait;
    int n = 0;
    while ((n = c.a().recv(c.client, into, 0, from)) > 0) {
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
        good = good && into[i] == octet_at(in + i);
      }
      in += static_cast<std::size_t>(n);
    }
    good = good && n == -EAGAIN;
    world.settle();
  }
  c.b().close(std::exchange(c.server, -1));
  world.settle();
  good = good && c.a().recv(c.client, into, 0, from) == 0 && c.a().state(c.client) == kTcpClosed;
  said(good, std::string("a half-closed client receives 100 MiB after its FIN") +
                 (v6 ? ", IPv6" : "") +
                 (ours == 0 ? ": lastack's client" : ": the kernel's client"));
}

std::vector<std::byte> linger_of(int seconds) {
  const std::array<int, 2> linger{1, seconds};
  std::vector<std::byte> value(sizeof(linger));
  std::memcpy(value.data(), linger.data(), sizeof(linger));
  return value;
}

void fill(Connected& c, int side, int fd) {
  const std::vector<std::byte> chunk(20000, std::byte{7});
  while (c.world.side(side).send(fd, chunk, socket::kMsgNoSignal, {}) > 0) c.world.settle();
}

/// lastack closes with SO_LINGER while the kernel's end does not read, or begins to read.
void lingers(bool v6, bool reads, bool as_linux) {
  constexpr Duration kLinger = 5s;
  KernelSide* kernel = nullptr;
  LastackAlone* ours = nullptr;
  auto sides =
      std::pair{std::make_unique<LastackAlone>(0, as_linux), std::make_unique<KernelSide>(1)};
  ours = sides.first.get();
  kernel = sides.second.get();
  WiredWorld world(std::move(sides.first), std::move(sides.second));
  Connected c(world, v6, 2001);
  fill(c, 0, c.client);
  ours->set(c.client, 1, 13, linger_of(static_cast<int>(kLinger / 1s)));
  std::vector<std::byte> into(1U << 20U);
  End from;
  const TimePoint before = ours->now();
  int waits = 0;
  socket::Blocking blocking(
      ours->sockets(),
      [&](TimePoint until) {
        ++waits;
        world.settle();
        while (reads && kernel->recv(c.server, into, 0, from) > 0) world.settle();
        if (!reads) ours->advance(std::min(until, ours->now() + 1s));
        return ours->now();
      },
      before);
  const bool closed = blocking.close(std::exchange(c.client, -1)).has_value();
  const Duration waited = ours->now() - before;
  const int state = ours->state_of(c.a_end, c.b_end);
  const std::string name = std::string("timed linger ") +
                           (reads      ? "returns once all is acknowledged"
                            : as_linux ? "waits; what is left goes on, as Linux"
                                       : "waits and then resets") +
                           (v6 ? ", IPv6" : "");
  if (reads) {
    said(closed && waits > 0 && waited < kLinger && state != kTcpFinWait1, name);
    return;
  }
  // The peer begins to read after that: it gets all of it, and the FIN; or what had come before the
  // RST.
  const bool good = closed && waited >= kLinger && waited < kLinger + 1s &&
                    state == (as_linux ? kTcpFinWait1 : kTcpClosed);
  world.settle();
  int n = 0;
  const auto over = [&] { return n == 0 || n == -ECONNRESET; };
  for (int i = 0; i < 100000; ++i) {
    n = kernel->recv(c.server, into, 0, from);
    if (over()) break;
    world.settle();
    if (n < 0) ours->advance(ours->now() + 100ms);  // the persist timer's, should a probe be due
    world.settle();
  }
  said(good && n == (as_linux ? 0 : -ECONNRESET), name);
}

/// The kernel's own goes on: one second of the clock on the wall.
void kernel_lingers() {
  KernelWorlds worlds([] { return KernelWorlds::with_ours(1, false); });
  World& world = worlds.next();
  Connected c(world, false, worlds.ports());
  fill(c, 0, c.client);
  c.a().set(c.client, 1, 13, linger_of(1));
  c.a().close(std::exchange(c.client, -1));
  world.settle();
  said(c.a().state_of(c.a_end, c.b_end) == kTcpFinWait1 && c.b().poll(c.server) >= 0 &&
           (c.b().poll(c.server) & 8) == 0,
       "timed linger of the kernel's: no RST when its time is over");
}

}  // namespace

int classics() {
  programs();
  for (const bool v6 : {false, true}) {
    for (const int ours : {0, 1}) after_its_fin(ours, v6);
    lingers(v6, false, false);
    lingers(v6, false, true);
    lingers(v6, true, false);
  }
  kernel_lingers();
  return failures == 0 ? 0 : 1;
}

}  // namespace lastack::worlds
