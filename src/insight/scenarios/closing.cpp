// How connections end in order: close, half-close, TIME_WAIT.
#include <array>

#include "insight/scenarios.hpp"

namespace lastack::insight {
namespace {

void close(Stage& s) {
  s.establish();
  s.close(kA);
  s.say({"A's last descriptor is closed: FIN. A is in FIN_WAIT_1 until that is acknowledged.",
         "A 的最后一个描述符关闭：发出 FIN。在得到 ACK 之前 A 处于 FIN_WAIT_1。"});
  s.settle();
  s.say({"B is in CLOSE_WAIT: it has been told, and now it is up to B's program to close too.",
         "B 处于 CLOSE_WAIT：它已被告知，现在要由 B 的程序来关闭。"});
  s.read(kB);
  s.close(kB);
  s.settle();
  s.say({"A has sent the last ACK and waits 2 MSL in TIME_WAIT, in case it was lost.",
         "A 发出最后的 ACK，在 TIME_WAIT 等待 2 MSL，以防这个 ACK 丢失。"});
  s.run(61s);
}

void close_queued(Stage& s) {
  s.establish();
  s.send(kA, 5000);
  s.close(kA);
  s.say(
      {"close() has returned at once. The octets were A's TCP's to deliver, and the FIN stands "
       "behind them.",
       "close() 立即返回。这些数据由 A 的 TCP 负责送达，FIN 排在它们后面。"});
  s.settle();
  s.read(kB);
  s.read(kB);
  s.close(kB);
  s.settle();
}

void simultaneous_close(Stage& s) {
  s.establish();
  s.shutdown(kA, socket::kShutWr);
  s.shutdown(kB, socket::kShutWr);
  s.say({"Both have sent FIN before hearing of the other's.",
         "双方在收到对方的 FIN 之前都已发出 FIN。"});
  s.run(11ms);
  s.say({"A FIN arrived where an ACK of one's own was awaited: CLOSING, a state seldom seen.",
         "等待自己 FIN 的 ACK 时却收到了对方的 FIN：CLOSING，一个罕见的状态。"});
  s.settle();
  s.say({"The ACKs arrived: both wait in TIME_WAIT.", "ACK 到达：双方都进入 TIME_WAIT。"});
}

void half_close(Stage& s) {
  s.establish();
  s.send(kA, 100);
  s.settle();
  s.read(kB);
  s.shutdown(kA, socket::kShutWr);
  s.settle();
  s.say({"A can still receive, and cannot send. B is in CLOSE_WAIT for as long as it likes.",
         "A 仍然可以接收，但不能再发送。B 想在 CLOSE_WAIT 停留多久就停留多久。"});
  s.read(kB);
  s.send(kB, 3000);
  s.settle();
  s.read(kA);
  s.send(kA, 1);
  s.say({"B has said all it had to say, and closes.", "B 也没有话要说了，关闭。"});
  s.close(kB);
  s.settle();
  s.read(kA);
  s.close(kA);
  s.run(61s);
  s.say({"2 MSL are over; A's port is free.", "2 MSL 已过，A 的端口可以再用。"});
}

void half_close_wait(Stage& s) {
  s.establish();
  s.shutdown(kA, socket::kShutWr);
  s.settle();
  s.say({"A day passes. Somebody holds A's socket, so its FIN_WAIT_2 has no end.",
         "一天过去了。A 的套接字仍有人持有，所以 FIN_WAIT_2 没有期限。"});
  s.run(24h);
  s.send(kB, 1000);
  s.settle();
  s.read(kA);
  s.say(
      {"The half-close works as on the first minute. Now A lets go: an orphan's FIN_WAIT_2 ends "
       "after "
       "60 s.",
       "半关闭和最初一样有效。现在 A 放手：无人持有的 FIN_WAIT_2 在 60 秒后结束。"});
  s.close(kA);
  s.run(61s);
}

void fin_with_ack(Stage& s) {
  s.establish();
  s.say(
      {"B's close and A's FIN meet at B: B's ACK of that FIN is lost, its own FIN carries the ACK "
       "again.",
       "B 对 A 的 FIN 的 ACK 丢失了，B 自己的 FIN 又带上了这个 ACK。"});
  s.lose(2);
  s.shutdown(kA, socket::kShutWr);
  s.run(12ms);
  s.close(kB);
  s.settle();
  s.say(
      {"FIN and ACK came in one segment: from FIN_WAIT_1 straight to TIME_WAIT, FIN_WAIT_2 was "
       "never "
       "waited in.",
       "FIN 和 ACK 在同一个报文里：从 FIN_WAIT_1 直接进入 TIME_WAIT，无须经过 FIN_WAIT_2。"});
}

void time_wait(Stage& s) {
  s.establish();
  s.close(kA);
  s.settle();
  s.close(kB);
  s.settle();
  s.say({"B is gone, A waits: whoever closes first has the TIME_WAIT.",
         "B 已结束，A 在等待：先关闭的一方进入 TIME_WAIT。"});
  s.run(59s);
  s.run(2s);
  s.say({"60 s after the last FIN it is over.", "最后一个 FIN 之后 60 秒结束。"});
}

void time_wait_reuse(Stage& s) {
  s.establish(true);
  s.close(kB);
  s.settle();
  s.close(kA);
  s.settle();
  s.say(
      {"B closed first and has the TIME_WAIT. A connects again from the same port: its SYN has a "
       "newer "
       "timestamp, so it may take over (RFC 6191).",
       "B 先关闭，处于 TIME_WAIT。A 从同一端口再次连接：SYN 的时间戳更新，可以接管（RFC 6191）。"});
  s.run(2s);
  s.connect();
  s.settle();
  s.accept();
}

void close_wait_forever(Stage& s) {
  s.establish();
  s.close(kA);
  s.settle();
  s.say({"B's program has forgotten its descriptor. A waits its 60 s in FIN_WAIT_2 and is gone.",
         "B 的程序忘记了它的描述符。A 在 FIN_WAIT_2 等了 60 秒后结束。"});
  s.run(61s);
  s.run(1h);
  s.say({"Nothing in TCP ends B's CLOSE_WAIT: only B's close can.",
         "TCP 中没有什么能结束 B 的 CLOSE_WAIT：只有 B 自己的 close。"});
  s.close(kB);
  s.settle();
  s.say({"B's FIN found nobody: RST.", "B 的 FIN 找不到对方：RST。"});
}

void restart(Stage& s) {
  s.reuse_address();
  s.establish(true);
  s.close(kB);
  s.settle();
  s.close(kA);
  s.settle();
  s.say({"B's server is started again while a connection of the first is in TIME_WAIT.",
         "B 的服务器重新启动，而前一个的连接还在 TIME_WAIT。"});
  s.close_listener();
  s.listen_anew(false);
  s.say(
      {"Without SO_REUSEADDR that connection has the port. With it on both, the first and this, "
       "they share it.",
       "没有 SO_REUSEADDR 时端口归那个连接所有。前后两个都设置了它，才能共用端口。"});
  s.listen_anew(true);
  s.run(2s);
}

constexpr std::array kClosing{
    Scenario{"close",
             {"close: one side after the other", "close：一方先关闭，另一方随后"},
             close,
             "CLOSED",
             "CLOSED",
             "lastack demo half-close"},
    Scenario{"close-queued",
             {"close-queued: the FIN stands behind the data", "close-queued：FIN 排在数据后面"},
             close_queued,
             "TIME_WAIT",
             "CLOSED",
             "lastack demo linger"},
    Scenario{"simultaneous-close",
             {"simultaneous-close: both at once meet in CLOSING",
              "simultaneous-close：双方同时关闭，在 CLOSING 相遇"},
             simultaneous_close,
             "TIME_WAIT",
             "TIME_WAIT",
             "lastack demo fin-with-ack"},
    Scenario{"half-close",
             {"half-close: A has no more to say, B has", "half-close：A 没有话要说了，B 还有"},
             half_close,
             "CLOSED",
             "CLOSED",
             "lastack demo half-close --drop 2     lastack demo close-wait-forever"},
    Scenario{"half-close-wait",
             {"half-close-wait: held for as long as anyone likes",
              "half-close-wait：想保持多久就保持多久"},
             half_close_wait,
             "CLOSED",
             "CLOSE_WAIT",
             "lastack demo close-wait-forever"},
    Scenario{"fin-with-ack",
             {"fin-with-ack: straight to TIME_WAIT", "fin-with-ack：直接进入 TIME_WAIT"},
             fin_with_ack,
             "TIME_WAIT",
             "CLOSED",
             "lastack demo time-wait"},
    Scenario{"time-wait",
             {"time-wait: 2 MSL, not a tick less", "time-wait：2 MSL，一刻也不少"},
             time_wait,
             "CLOSED",
             "CLOSED",
             "lastack demo time-wait-reuse"},
    Scenario{"time-wait-reuse",
             {"time-wait-reuse: a newer SYN takes over", "time-wait-reuse：更新的 SYN 接管"},
             time_wait_reuse,
             "ESTABLISHED",
             "ESTABLISHED",
             "lastack demo lost-last-ack"},
    Scenario{"restart",
             {"restart: a port with a TIME_WAIT behind it", "restart：端口上还有 TIME_WAIT"},
             restart,
             "CLOSED",
             "TIME_WAIT",
             "lastack demo time-wait-reuse"},
    Scenario{"close-wait-forever",
             {"close-wait-forever: a forgotten descriptor", "close-wait-forever：被遗忘的描述符"},
             close_wait_forever,
             "CLOSED",
             "CLOSED",
             "lastack demo dup-close"},
};

}  // namespace

std::span<const Scenario> closing_scenarios() { return kClosing; }

}  // namespace lastack::insight
