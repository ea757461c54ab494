// Two hosts in one program and a wire between them, in virtual time: a connection is opened, used,
// half-closed and closed, and then tells how it got there.
#include <lastack/lastack.hpp>

#include <array>
#include <cstdio>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr lastack::Duration kDelay = 10ms;  // each way

/// Carries packets both ways until neither host has more to say, and lets time pass meanwhile.
void settle(lastack::Stack& a, lastack::Stack& b) {
  std::array<std::byte, 1500> packet{};
  for (bool moved = true; moved;) {
    moved = false;
    for (auto [from, to] : {std::pair(&a, &b), std::pair(&b, &a)}) {
      std::vector<std::vector<std::byte>> on_the_wire;
      while (const std::size_t size = from->transmit(packet)) {
        on_the_wire.emplace_back(packet.begin(), packet.begin() + static_cast<long>(size));
      }
      if (on_the_wire.empty()) continue;
      moved = true;
      to->advance(from->now() + kDelay);
      for (const auto& octets : on_the_wire) to->packet_arrives(octets);
    }
  }
}

void show(const char* what, const lastack::Socket& a, const lastack::Socket& b) {
  const std::string_view at_a = to_string(a.state());
  const std::string_view at_b = to_string(b.state());
  std::printf("%-34s %-12.*s %.*s\n", what, static_cast<int>(at_a.size()), at_a.data(),
              static_cast<int>(at_b.size()), at_b.data());
}

}  // namespace

int main() {
  using lastack::IpAddress;
  lastack::Stack a({.addresses = {{IpAddress::v4(10, 0, 0, 1), 24}}}, lastack::Seed::fixed(1));
  lastack::Stack b({.addresses = {{IpAddress::v4(10, 0, 0, 2), 24}}}, lastack::Seed::fixed(2));

  auto listener = b.listen({.port = 80}).value();
  auto client = a.connect({IpAddress::v4(10, 0, 0, 2), 80}).value();
  settle(a, b);
  auto server = listener.accept().value();
  show("connected", client, server);

  client.send("that is all I have to say").value();
  client.shutdown(lastack::Shut::write).value();
  settle(a, b);
  show("A has shut its side: half-closed", client, server);

  std::array<std::byte, 100> text{};
  server.receive(text).value();  // what is left unread would make close() a reset
  server.send("and here is what I think of it").value();
  auto second = server.dup().value();  // as a forked child would have it
  server.close();
  settle(a, b);
  show("one of B's two has closed", client, second);

  const std::size_t n = client.receive(text).value();
  std::printf("A receives %zu octets\n", n);

  second.close();
  settle(a, b);
  std::puts("B's last has closed; how A got there:");
  for (const lastack::Transition& t : client.history()) {
    const std::string_view from = to_string(t.from);
    const std::string_view to = to_string(t.to);
    std::printf("  %.*s -> %.*s by %.*s\n", static_cast<int>(from.size()), from.data(),
                static_cast<int>(to.size()), to.data(), static_cast<int>(t.cause.size()),
                t.cause.data());
  }
  return client.state() == lastack::State::time_wait ? 0 : 1;
}
