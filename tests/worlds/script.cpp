#include "worlds/script.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace lastack::worlds {
namespace {

constexpr std::array kStateNames{"?",          "ESTABLISHED", "SYN_SENT",  "SYN_RCVD",
                                 "FIN_WAIT_1", "FIN_WAIT_2",  "TIME_WAIT", "CLOSED",
                                 "CLOSE_WAIT", "LAST_ACK",    "LISTEN",    "CLOSING"};

std::string answer(int result) {
  return result >= 0 ? std::to_string(result) : std::string(strerrorname_np(-result));
}

constexpr int kPollOut = 4;

class Runner {
 public:
  Runner(World& world, std::uint16_t ports) : world_(world), ports_(ports) { world_.begin(); }
  ~Runner() {
    for (Slot& slot : slots_) {
      if (slot.fd >= 0) world_.side(slot.side).close(slot.fd);
    }
    world_.hold(false);
    world_.settle();
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  std::string step(const Step& step) {
    std::string text = to_string(step) + " = " + act(step);
    world_.settle();
    return text + snapshot();
  }
  [[nodiscard]] std::string standing(int slot) {
    const Slot& s = slots_[static_cast<std::size_t>(slot)];
    return (s.stream ? state_name(world_.side(s.side).state(s.fd)) : "UDP") + "\t" +
           poll_text(world_.side(s.side).poll(s.fd));
  }

 private:
  struct Slot {
    int side = 0;
    int fd = -1;
    bool stream = true;
    bool v6 = false;
    int open = 0;  ///< the open socket: copies have the same number
    int holder = 0;
  };
  struct Connection {
    int side;
    End local, remote;
    friend bool operator==(const Connection&, const Connection&) = default;
  };

  /// Place `n` of `side`, with the address that `which` means for a socket.
  [[nodiscard]] End place(const Slot& s, int side, int n, int which) const {
    const bool v6 = s.v6 != ((which & kOther) != 0);
    End end = world_.at(side, v6, ports_, n);
    if ((which & kAny) != 0) end.address = v6 ? *IpAddress::parse("::") : IpAddress{};
    return end;
  }
  [[nodiscard]] std::string end_text(const End& end, bool v6_socket) const {
    const bool v6 = !end.address.is_v4();
    const World::Name name = world_.name_of(end, ports_);
    const std::string host = end.address.is_unspecified() ? "*" : name.host;
    const std::string family = !v6 && !v6_socket ? "" : v6 ? "6" : "mapped";
    return host + family + ":" + (end.port == 0 ? "0" : name.port);
  }
  std::string put(int slot, int side, int result, bool stream, bool v6, int holder, int open = 0) {
    if (result < 0) return answer(result);
    Slot& s = slots_[static_cast<std::size_t>(slot)];
    if (s.fd >= 0) world_.side(s.side).close(s.fd);
    s = {side, result, stream, v6, open > 0 ? open : ++opened_, holder};
    if (open == 0) {
      undone_.push_back(false);
      limited_.push_back(false);
      told_again_.push_back(false);
    }
    return "ok";
  }
  std::vector<std::byte> octets(int n) {
    std::vector<std::byte> out(static_cast<std::size_t>(std::max(n, 0)));
    for (std::byte& b : out) b = static_cast<std::byte>((counter_++ * 2654435761U) >> 24U);
    return out;
  }
  static std::string hash(const std::vector<std::byte>& octets, int n) {
    std::uint32_t h = 2166136261U;
    for (int i = 0; i < n && i < static_cast<int>(octets.size()); ++i) {
      h = (h ^ std::to_integer<std::uint32_t>(octets[static_cast<std::size_t>(i)])) * 16777619U;
    }
    return n > 0 ? " #" + std::to_string(h % 100000) : "";
  }
  std::string act(const Step& step);
  std::string act_on(const Step& step, Slot& s);
  std::string kill(int holder);
  std::string connect(const Step& step, const Slot& s);
  std::string names(const Slot& s);
  std::string send(const Slot& s, int octets, int flags, const std::optional<End>& to);
  std::string receive(const Slot& s, int most, int flags);
  std::string fill(const Slot& s);
  std::string drain(const Slot& s);
  std::string set(const Step& step, const Slot& s);
  std::string snapshot();

  /// Whether Linux has disconnected it: nothing of its connection is left.
  [[nodiscard]] std::vector<bool>::reference undone(const Slot& s) {
    return undone_[static_cast<std::size_t>(s.open - 1)];
  }

  /// Whether TCP_NOTSENT_LOWAT was set.
  [[nodiscard]] std::vector<bool>::reference limited(const Slot& s) {
    return limited_[static_cast<std::size_t>(s.open - 1)];
  }

  /// Whether Linux may tell of room again that it had told of: with TCP_NOTSENT_LOWAT, where it has
  /// taken but a part of urgent octets.
  [[nodiscard]] std::vector<bool>::reference told_again(const Slot& s) {
    return told_again_[static_cast<std::size_t>(s.open - 1)];
  }

  World& world_;
  std::uint16_t ports_;
  int opened_ = 0;
  std::vector<bool> undone_;
  std::vector<bool> limited_;
  std::vector<bool> told_again_;
  std::array<Slot, kSlots> slots_;
  std::vector<Connection> connections_;
  std::uint32_t counter_ = 1;
};

std::string Runner::act(const Step& step) {
  switch (step.op) {
    case Op::stream:
    case Op::datagrams: {
      const bool stream = step.op == Op::stream;
      world_.side(step.side).opens_in(step.b);
      return put(step.slot, step.side, world_.side(step.side).open(step.a == 1, stream), stream,
                 step.a == 1, step.b);
    }
    case Op::kill: return kill(step.a);
    case Op::hold:
    case Op::release: world_.hold(step.op == Op::hold); return "ok";
    case Op::pass:
      for (int i = 0; i < step.a; ++i) world_.pass();
      return "ok";
    default: break;
  }
  Slot& s = slots_[static_cast<std::size_t>(step.slot)];
  return s.fd < 0 ? "(none)" : act_on(step, s);
}

std::string Runner::act_on(const Step& step, Slot& s) {
  switch (step.op) {
    case Op::dup: {
      const Slot from = s;
      const auto how = static_cast<Sharing>(step.a);
      const int holder = how == Sharing::within ? from.holder : step.b;
      return put(step.to, from.side, world_.side(from.side).share(from.fd, how, step.b),
                 from.stream, from.v6, holder, from.open);
    }
    case Op::accept: {
      const Slot from = s;
      const int made = world_.side(from.side).accept(from.fd);
      return put(step.to, from.side, made, true, from.v6, from.holder);
    }
    case Op::bind: return answer(world_.side(s.side).bind(s.fd, place(s, s.side, step.a, step.b)));
    case Op::listen: return answer(world_.side(s.side).listen(s.fd, step.a));
    case Op::connect: return connect(step, s);
    case Op::disconnect: undone(s) = true; return answer(world_.side(s.side).connect(s.fd, {}));
    case Op::send: return send(s, step.a, step.b, {});
    case Op::send_to: return send(s, step.a, 0, place(s, 1 - s.side, step.b, step.to));
    case Op::recv: return receive(s, step.a, step.b);
    case Op::shutdown: {
      const int state = s.stream ? world_.side(s.side).state(s.fd) : kTcpClosed;
      const int result = world_.side(s.side).shutdown(s.fd, step.a);
      if (state == kTcpSynSent || (state == kTcpListen && step.a != 1)) undone(s) = true;
      return answer(result);
    }
    case Op::close: return answer(world_.side(s.side).close(std::exchange(s.fd, -1)));
    case Op::error: {
      const int error = world_.side(s.side).get(s.fd, 1, 4);
      return error > 0 ? std::string(strerrorname_np(error)) : answer(error);
    }
    case Op::names: return names(s);
    case Op::exec: world_.side(s.side).exec(s.fd); return "ok";
    case Op::set: return set(step, s);
    case Op::get: {
      const OptionChoice& o = kOptionChoices[static_cast<std::size_t>(step.a)];
      const int state = s.stream ? world_.side(s.side).state(s.fd) : kTcpClosed;
      const bool none = state == kTcpClosed || state == kTcpListen;
      if (none && std::strcmp(o.name, "TCP_MAXSEG") == 0) return "as it was, or the default";
      // How large a buffer may be is each world's own, and SO_RCVLOWAT goes by that.
      return answer(std::min(world_.side(s.side).get(s.fd, o.level, o.number), 100000));
    }
    case Op::fill: return fill(s);
    case Op::drain: return drain(s);
    default: return "?";
  }
}

std::string Runner::kill(int holder) {
  for (Slot& s : slots_) {
    if (s.holder == holder) s.fd = -1;
  }
  world_.side(0).kill(holder);
  return "ok";
}

std::string Runner::connect(const Step& step, const Slot& s) {
  const End to = place(s, 1 - s.side, step.a, step.b);
  const int result = world_.side(s.side).connect(s.fd, to);
  const bool goes_on =
      result == 0 || result == -EINPROGRESS || result == -EALREADY || result == -EISCONN;
  if (result == -EINPROGRESS || !goes_on) undone(s) = !goes_on;
  End mine;
  if (s.stream && result == -EINPROGRESS && world_.side(s.side).name(s.fd, false, mine) == 0) {
    const Connection made{s.side, mine, to};
    if (std::ranges::find(connections_, made) == connections_.end()) connections_.push_back(made);
  }
  return answer(result);
}

std::string Runner::names(const Slot& s) {
  std::string text;
  for (const bool peer : {false, true}) {
    End end;
    const int result = world_.side(s.side).name(s.fd, peer, end);
    text += (peer ? ", " : "") + (result == 0 ? end_text(end, s.v6) : answer(result));
  }
  return text;
}

std::string Runner::send(const Slot& s, int n, int flags, const std::optional<End>& to) {
  const int sent = world_.side(s.side).send(s.fd, octets(n), flags, to);
  if ((flags & MSG_OOB) != 0 && sent < n && s.stream && limited(s)) told_again(s) = true;
  return answer(sent) + (world_.side(s.side).raised() ? " SIGPIPE" : "");
}

std::string Runner::receive(const Slot& s, int most, int flags) {
  std::vector<std::byte> into(static_cast<std::size_t>(most));
  End from;
  const int n = world_.side(s.side).recv(s.fd, into, flags, from);
  return answer(n) + ((flags & 0x20) == 0 ? hash(into, n) : "") +
         (n >= 0 && !s.stream ? " from " + end_text(from, s.v6) : "");
}

/// How much fits is each world's own; that it comes to an end, and what is said then, is not.
std::string Runner::fill(const Slot& s) {
  constexpr int kChunk = 20000;
  constexpr int kMost = 4000;
  for (int i = 0; i < kMost; ++i) {
    const int n =
        world_.side(s.side).send(s.fd, std::vector<std::byte>(kChunk, std::byte{7}), 0, {});
    if (n < 0) return answer(n);
    world_.settle();
  }
  return "never full";
}

std::string Runner::drain(const Slot& s) {
  std::vector<std::byte> into(65536);
  End from;
  for (;;) {
    const int n = world_.side(s.side).recv(s.fd, into, 0, from);
    if (n <= 0) return answer(n);
    world_.settle();
  }
}

std::string Runner::set(const Step& step, const Slot& s) {
  const OptionChoice& o = kOptionChoices[static_cast<std::size_t>(step.a)];
  if (std::strcmp(o.name, "TCP_NOTSENT_LOWAT") == 0) limited(s) = true;
  std::vector<std::byte> value(sizeof(int));
  std::memcpy(value.data(), &step.b, sizeof(int));
  if (std::string_view(o.name).ends_with("short")) value.resize(2);
  if (std::strcmp(o.name, "SO_LINGER") == 0) {
    const std::array<int, 2> linger{step.b != 0 ? 1 : 0, 0};
    value.resize(sizeof(linger));
    std::memcpy(value.data(), linger.data(), sizeof(linger));
  }
  return answer(world_.side(s.side).set(s.fd, o.level, o.number, value));
}

std::string Runner::snapshot() {
  std::string text;
  for (int i = 0; i < kSlots; ++i) {
    const Slot& s = slots_[static_cast<std::size_t>(i)];
    if (s.fd < 0) continue;
    text += "; " + std::string(s.side == 0 ? "A" : "B") + std::to_string(i) + " ";
    const int state = s.stream ? world_.side(s.side).state(s.fd) : kTcpClosed;
    if (s.stream) text += state_name(state) + " ";
    // After tcp_disconnect() the kernel counts what it has added to its sequence numbers as octets
    // that wait, and as not sent, so that TCP_NOTSENT_LOWAT keeps POLLOUT off.
    const int hidden = s.stream && undone(s) && limited(s) ? kPollOut : 0;
    text += poll_text(world_.side(s.side).poll(s.fd) & ~hidden);
    // Where datagrams are sent the kernel wakes writers for each one that leaves.
    const int edges = s.stream ? world_.side(s.side).edges(s.fd) : 0;
    const bool again = s.stream && told_again(s);
    if (edges != 0 && hidden == 0 && !again) text += " edge " + poll_text(edges);
    const int in = world_.side(s.side).ioctl(s.fd, 0x541b);
    text += " in " + answer(std::min(in, 20000));
    const bool counts = s.stream && !undone(s);
    const int out = counts ? world_.side(s.side).ioctl(s.fd, 0x5411) : 0;
    if (counts) text += " out " + (out > 9000 ? std::string("many") : answer(out));
  }
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    const auto& [side, local, remote] = connections_[i];
    text += "; #" + std::to_string(i) + " " +
            state_name(world_.side(side).state_of(local, remote)) + "/" +
            state_name(world_.side(1 - side).state_of(remote, local));
  }
  return text;
}

constexpr std::array kOpNames{"stream",     "datagrams", "dup",   "bind",    "listen", "connect",
                              "disconnect", "accept",    "send",  "send_to", "recv",   "shutdown",
                              "close",      "error",     "names", "set",     "get",    "fill",
                              "drain",      "hold",      "pass",  "release", "exec",   "kill"};

}  // namespace

std::string to_string(const Step& step) {
  std::string text = kOpNames[static_cast<std::size_t>(step.op)];
  if (step.op == Op::hold || step.op == Op::release) return text;
  if (step.op == Op::pass || step.op == Op::kill) return text + " " + std::to_string(step.a);
  if (step.op == Op::stream || step.op == Op::datagrams) {
    return text + (step.side == 0 ? " A" : " B") + std::to_string(step.slot) +
           (step.a == 1 ? " IPv6" : "") + (step.b > 0 ? " by " + std::to_string(step.b) : "");
  }
  text += " " + std::to_string(step.slot);
  if (step.op == Op::dup || step.op == Op::accept) text += " to " + std::to_string(step.to);
  if (step.op == Op::dup && step.a > 0) {
    text += (step.a == 1 ? " passed to " : " by fork to ") + std::to_string(step.b);
  }
  if (step.op == Op::set || step.op == Op::get) {
    text += " " + std::string(kOptionChoices[static_cast<std::size_t>(step.a)].name);
    if (step.op == Op::set) text += " " + std::to_string(step.b);
    return text;
  }
  const bool one = step.op == Op::listen || step.op == Op::shutdown;
  const bool two = step.op == Op::send || step.op == Op::recv || step.op == Op::bind ||
                   step.op == Op::connect || step.op == Op::send_to;
  if (one || two) text += " " + std::to_string(step.a);
  if (two) text += " " + std::to_string(step.b);
  if (step.op == Op::send_to) text += " " + std::to_string(step.to);
  return text;
}

std::string state_name(int state) {
  return state >= 0 && state < static_cast<int>(kStateNames.size())
             ? kStateNames[static_cast<std::size_t>(state)]
             : std::to_string(state);
}

World::Name World::name_of(const End& end, std::uint16_t ports) const {
  const bool v6 = !end.address.is_v4();
  const int n = end.port - ports;
  return {end.address == address(0, v6)   ? "A"
          : end.address == address(1, v6) ? "B"
                                          : "?",
          n > 0 && n < kPlaces ? std::to_string(n) : "any"};
}

std::string poll_text(int bits) {
  constexpr std::array<std::pair<int, const char*>, 6> kBits{
      {{1, "IN"}, {2, "PRI"}, {4, "OUT"}, {8, "ERR"}, {16, "HUP"}, {0x2000, "RDHUP"}}};
  std::string text;
  for (const auto& [bit, word] : kBits) {
    if ((bits & bit) != 0) text += (text.empty() ? "" : "|") + std::string(word);
  }
  return text.empty() ? "-" : text;
}

std::string standing(World& world, const Script& script, int slot, std::uint16_t ports) {
  Runner runner(world, ports);
  for (const Step& step : script) runner.step(step);
  return runner.standing(slot);
}

std::vector<std::string> run(World& world, const Script& script, std::uint16_t ports) {
  std::vector<std::string> lines;
  Runner runner(world, ports);
  for (const Step& step : script) lines.push_back(runner.step(step));
  return lines;
}

}  // namespace lastack::worlds
