// Writes scripts as a program writes calls.
#pragma once

#include <utility>

#include "worlds/script.hpp"

namespace lastack::worlds {

// Slots of a connection.
inline constexpr int kListener = 0;
inline constexpr int kClient = 1;  // at A
inline constexpr int kServer = 2;  // at B

/// Says steps as a program says calls.
class Teller {
 public:
  /// Its sockets are of AF_INET6 where `v6` says so.
  explicit Teller(bool v6 = false) : v6_(v6 ? 1 : 0) {}
  Teller& family(bool v6) {
    v6_ = v6 ? 1 : 0;
    return *this;
  }
  Teller& stream(int side, int slot) {
    return add({.op = Op::stream, .side = side, .slot = slot, .a = v6_});
  }
  Teller& datagrams(int side, int slot) {
    return add({.op = Op::datagrams, .side = side, .slot = slot, .a = v6_});
  }
  Teller& bind(int slot, int place, int address = 0) {
    return add({.op = Op::bind, .slot = slot, .a = place, .b = address});
  }
  Teller& listen(int slot, int backlog = 5) {
    return add({.op = Op::listen, .slot = slot, .a = backlog});
  }
  Teller& connect(int slot, int place = 1, int address = 0) {
    return add({.op = Op::connect, .slot = slot, .a = place, .b = address});
  }
  Teller& accept(int slot, int to) { return add({.op = Op::accept, .slot = slot, .to = to}); }
  Teller& dup(int slot, int to) { return add({.op = Op::dup, .slot = slot, .to = to}); }
  Teller& send(int slot, int octets = 5, int flags = 0) {
    return add({.op = Op::send, .slot = slot, .a = octets, .b = flags});
  }
  Teller& send_to(int slot, int octets, int place, int address = 0) {
    return add({.op = Op::send_to, .slot = slot, .to = address, .a = octets, .b = place});
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
  Teller& get(int slot, int option) { return add({.op = Op::get, .slot = slot, .a = option}); }
  Teller& op(Op what, int slot = 0) { return add({.op = what, .slot = slot}); }
  Teller& hold() { return op(Op::hold); }
  Teller& release() { return op(Op::release); }
  Teller& pass(int packets) { return add({.op = Op::pass, .a = packets}); }

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
  int v6_;
};

}  // namespace lastack::worlds
