// How connections end out of order.
#include <array>

#include "insight/scenarios.hpp"

namespace lastack::insight {
namespace {

void rst(Stage& s) {
  s.establish();
  s.close(kA);
  s.settle();
  s.say({"A has closed both directions. B does not know that and sends.",
         "A 已关闭两个方向。B 不知道，继续发送。"});
  s.send(kB, 500);
  s.settle();
  s.say({"Nobody can read it any more: RST. Both are CLOSED at once, without TIME_WAIT.",
         "已没有人能读它：RST。双方立即 CLOSED，没有 TIME_WAIT。"});
  s.read(kB);
}

void linger0(Stage& s) {
  s.establish();
  s.send(kA, 100);
  s.set_linger(kA, 0s);
  s.close(kA);
  s.say(
      {"SO_LINGER with time 0: the last close() resets instead of closing, and what was not "
       "delivered "
       "is thrown away.",
       "SO_LINGER 时间为 0：最后一次 close() 发 RST 而不是 FIN，未送达的数据被丢弃。"});
  s.settle();
  s.read(kB);
}

void unread_data(Stage& s) {
  s.establish();
  s.send(kB, 1000);
  s.settle();
  s.close(kA);
  s.say(
      {"A closed without having read 1000 octets: RST tells B that they were lost (RFC 1122 "
       "4.2.2.13).",
       "A 没有读完 1000 字节就关闭：RST 告诉 B 数据丢失了（RFC 1122 4.2.2.13）。"});
  s.settle();
  s.read(kB);
}

void linger(Stage& s) {
  s.establish();
  s.set_linger(kA, 5s);
  s.send(kA, 5000);
  s.close_and_wait(kA);
  s.say(
      {"close() has waited until B's TCP had acknowledged all octets and the FIN. Whether B's "
       "program has read them is something else.",
       "close() 一直等到 B 的 TCP 确认了全部字节和 FIN 才返回。B 的程序有没有读，是另一回事。"});
  s.settle();
}

void linger_timeout(Stage& s) {
  s.establish();
  s.set_linger(kA, 2s);
  s.send(kA, 6000);
  s.say({"B's program reads nothing, and its buffer of 4096 octets is too small for them.",
         "B 的程序不读取，而它 4096 字节的缓冲区放不下这些数据。"});
  s.close_and_wait(kA);
  s.say({"After 2 s close() returns, and what is left is thrown away: RST.",
         "2 秒后 close() 返回，剩下的数据被丢弃：RST。"},
        {"After 2 s close() returns and says nothing of what is missing. No RST: TCP goes on, with "
         "nobody waiting.",
         "2 秒后 close() 返回，并不说明还缺什么。没有 RST：TCP 继续工作，只是没有人在等。"});
  s.read(kB);
  s.settle();
  s.read(kB);
  s.settle();
  s.say({"B had those that had come; then it was told: ECONNRESET.",
         "B 读到了已到达的数据；之后得知：ECONNRESET。"},
        {"B has read: the rest came, and the FIN behind it.",
         "B 读取之后，其余数据到达，后面跟着 FIN。"});
  s.read(kB);
  s.close(kB);
  s.settle();
}

void rst_time_wait(Stage& s) {
  s.establish();
  s.send(kA, 5);
  s.shutdown(kA, socket::kShutWr);
  s.settle();
  s.say({"B ends its side, and closes with 5 octets unread: a FIN, and a RST behind it.",
         "B 关闭自己的方向，又在还有 5 字节未读时 close：先是 FIN，后面跟着 RST。"});
  s.shutdown(kB, socket::kShutWr);
  s.close(kB);
  s.settle();
  s.say({"The RST came to TIME_WAIT and was ignored, as RFC 1337 proposes: an old one must not cut "
         "the wait short.",
         "RST 到达时已在 TIME_WAIT，按 RFC 1337 的建议被忽略：旧的 RST 不应缩短等待。"},
        {"The RST has ended TIME_WAIT, as in RFC 9293: the pair of addresses and ports is free.",
         "RST 结束了 TIME_WAIT，与 RFC 9293 一致：这一对地址和端口已可再用。"});
}

void listener_close(Stage& s) {
  s.listen();
  s.connect();
  s.settle();
  s.send(kA, 100);
  s.settle();
  s.say({"TCP has made the connection and taken 100 octets; B's program has not accepted it.",
         "TCP 已建立连接并收下 100 字节；B 的程序还没有 accept。"});
  s.close_listener();
  s.settle();
  s.say({"Nobody can accept it any more: RST.", "再也没有人能接受它：RST。"});
  s.read(kA);
}

void listener_shutdown(Stage& s) {
  s.listen();
  s.connect();
  s.settle();
  s.say({"SHUT_WR means nothing to a listener. SHUT_RD ends listening, and what waits is reset.",
         "SHUT_WR 对监听套接字没有作用。SHUT_RD 结束监听，等待中的连接被 RST。"});
  s.shutdown_listener(socket::kShutWr);
  s.shutdown_listener(socket::kShutRd);
  s.accept();
  s.settle();
  s.read(kA);
}

void keepalive(Stage& s) {
  s.establish();
  s.set_keepalive(kA);
  s.say({"B's machine vanishes: from now on the wire loses everything.",
         "B 的机器消失了：从现在起线路丢失一切。"});
  for (std::uint64_t i = 1; i <= 32; ++i) s.lose(i);
  s.run(2h);
  s.say({"After two idle hours A asks; after nine unanswered questions it gives up: ETIMEDOUT.",
         "空闲两小时后 A 开始询问；九次无人回答后放弃：ETIMEDOUT。"});
  s.run(12min);
  s.read(kA);
}

constexpr std::array kResets{
    Scenario{"rst",
             {"rst: data for nobody", "rst：无人接收的数据"},
             rst,
             "CLOSED",
             "CLOSED",
             "lastack demo linger0"},
    Scenario{"linger0",
             {"linger0: a close that resets", "linger0：以 RST 关闭"},
             linger0,
             "CLOSED",
             "CLOSED",
             "lastack demo linger"},
    Scenario{"linger",
             {"linger: a close that waits", "linger：会等待的 close"},
             linger,
             "FIN_WAIT_2",
             "CLOSE_WAIT",
             "lastack demo linger-timeout"},
    Scenario{"linger-timeout",
             {"linger-timeout: a close that waits in vain", "linger-timeout：白等的 close"},
             linger_timeout,
             "CLOSED",
             "CLOSED",
             "lastack demo linger-timeout --profile linux     lastack demo unread-data",
             [](sim::TwoHostsConfig& config) { config.settings.receive_buffer = 4096; },
             "TIME_WAIT"},
    Scenario{"unread-data",
             {"unread-data: closed before it was read", "unread-data：未读完就关闭"},
             unread_data,
             "CLOSED",
             "CLOSED",
             "lastack demo shut-rd"},
    Scenario{"rst-time-wait",
             {"rst-time-wait: a RST that comes late", "rst-time-wait：迟到的 RST"},
             rst_time_wait,
             "TIME_WAIT",
             "CLOSED",
             "lastack demo rst-time-wait --profile linux",
             nullptr,
             "CLOSED",
             "CLOSED"},
    Scenario{
        "listener-close",
        {"listener-close: closed before it was accepted", "listener-close：还没有 accept 就关闭"},
        listener_close,
        "CLOSED",
        "CLOSED",
        "lastack demo listener-shutdown"},
    Scenario{"listener-shutdown",
             {"listener-shutdown: listening ends, the descriptor stays",
              "listener-shutdown：监听结束，描述符还在"},
             listener_shutdown,
             "CLOSED",
             "CLOSED",
             "lastack demo listener-close"},
    Scenario{"keepalive",
             {"keepalive: is anybody there?", "keepalive：有人吗？"},
             keepalive,
             "CLOSED",
             "ESTABLISHED",
             "lastack demo half-close-wait"},
};

}  // namespace

std::span<const Scenario> reset_scenarios() { return kResets; }

}  // namespace lastack::insight
