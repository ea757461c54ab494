// Who holds a socket: close counts references, shutdown does not.
#include <array>

#include "insight/scenarios.hpp"

namespace lastack::insight {
namespace {

void dup_close(Stage& s) {
  s.establish();
  s.dup(kA);
  s.say({"Two descriptors refer to A's socket. close() takes one reference away and nothing else.",
         "两个描述符指向 A 的套接字。close() 只减少一个引用，别无作用。"});
  s.close_copy(kA);
  s.run(1s);
  s.send(kA, 100);
  s.settle();
  s.read(kB);
  s.say({"The connection never heard of it. The last close() sends the FIN.",
         "连接毫不知情。最后一次 close() 才发出 FIN。"});
  s.close(kA);
  s.settle();
}

void dup_shutdown(Stage& s) {
  s.establish();
  s.dup(kA);
  s.dup(kA);
  s.say(
      {"Three descriptors refer to A's socket. shutdown() ignores the count and acts for "
       "everybody.",
       "三个描述符指向 A 的套接字。shutdown() 不考虑引用计数，对所有持有者都生效。"});
  s.shutdown(kA, socket::kShutRdwr);
  s.settle();
  s.send(kA, 1);
  s.say({"Every holder's send() gets EPIPE, whoever called shutdown().",
         "无论谁调用了 shutdown()，每个持有者的 send() 都得到 EPIPE。"});
}

void shut_rd(Stage& s) {
  s.establish();
  s.send(kB, 1000);
  s.settle();
  s.say({"1000 octets lie in A's buffer. SHUT_RD discards them silently.",
         "A 的缓冲区里有 1000 字节。SHUT_RD 将它们无声地丢弃。"});
  s.shutdown(kA, socket::kShutRd);
  s.read(kA);
  s.send(kB, 1000);
  s.settle();
  s.say(
      {"What still arrives is acknowledged and discarded: B notices nothing. A may go on sending.",
       "之后到达的数据照样确认并丢弃：B 察觉不到。A 仍可发送。"});
  s.read(kA);
  s.send(kA, 100);
  s.settle();
  s.close(kB);
  s.settle();
  s.say({"B's FIN still counts. B closed with 100 octets unread: RST instead of FIN.",
         "B 的结束仍然有效。B 关闭时还有 100 字节未读：发 RST 而不是 FIN。"});
}

void shut_rdwr(Stage& s) {
  s.establish();
  s.shutdown(kA, socket::kShutRdwr);
  s.settle();
  s.say({"SHUT_RDWR is SHUT_RD, then SHUT_WR: a FIN goes out, and nothing more is read.",
         "SHUT_RDWR 等于先 SHUT_RD 再 SHUT_WR：发出 FIN，并且不再读取。"});
  s.send(kB, 500);
  s.settle();
  s.say({"New data is acknowledged and discarded; Linux would answer with RST.",
         "新数据被确认并丢弃；Linux 会回答 RST。"});
  s.close(kB);
  s.settle();
}

constexpr std::array kHolders{
    Scenario{"dup-close",
             {"dup-close: only the last close closes", "dup-close：最后一次 close 才关闭"},
             dup_close,
             "FIN_WAIT_2",
             "CLOSE_WAIT",
             "lastack demo dup-shutdown"},
    Scenario{"dup-shutdown",
             {"dup-shutdown: one for all", "dup-shutdown：一人关闭，人人关闭"},
             dup_shutdown,
             "FIN_WAIT_2",
             "CLOSE_WAIT",
             "lastack demo shut-rd"},
    Scenario{"shut-rd",
             {"shut-rd: nothing more is read", "shut-rd：不再读取"},
             shut_rd,
             "CLOSED",
             "CLOSED",
             "lastack demo shut-rdwr"},
    Scenario{"shut-rdwr",
             {"shut-rdwr: neither read nor written", "shut-rdwr：既不读也不写"},
             shut_rdwr,
             "TIME_WAIT",
             "CLOSED",
             "lastack demo unread-data"},
};

}  // namespace

std::span<const Scenario> holder_scenarios() { return kHolders; }

}  // namespace lastack::insight
