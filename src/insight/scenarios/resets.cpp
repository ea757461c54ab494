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
  s.set_linger_zero(kA);
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
             "lastack demo unread-data"},
    Scenario{"unread-data",
             {"unread-data: closed before it was read", "unread-data：未读完就关闭"},
             unread_data,
             "CLOSED",
             "CLOSED",
             "lastack demo shut-rd"},
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
