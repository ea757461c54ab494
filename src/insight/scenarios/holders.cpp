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
         "A 的缓冲区里有 1000 字节。SHUT_RD 将它们无声地丢弃。"},
        {"1000 octets lie in A's buffer. In Linux SHUT_RD leaves them there to be read.",
         "A 的缓冲区里有 1000 字节。Linux 的 SHUT_RD 把它们留着，仍可读取。"});
  s.shutdown(kA, socket::kShutRd);
  s.read(kA);
  s.send(kB, 1000);
  s.settle();
  s.say(
      {"What still arrives is acknowledged and discarded: B notices nothing. A may go on sending.",
       "之后到达的数据照样确认并丢弃：B 察觉不到。A 仍可发送。"},
      {"What still arrives can be read, too; only a read of nothing returns 0 instead of waiting.",
       "之后到达的数据同样可读；只是没有数据时读取返回 0，而不再等待。"});
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
         "新数据被确认并丢弃；Linux 会回答 RST。"},
        {"New data that nobody may read: RST, and both ends are CLOSED.",
         "新数据没有人可以读：RST，两端都进入 CLOSED。"});
  s.close(kB);
  s.settle();
}

void four_holders(Stage& s) {
  s.establish();
  for (int copy = 0; copy < 3; ++copy) s.dup(kA);
  s.say({"Four descriptors refer to A's socket, as after three fork(). Two of them are closed.",
         "四个描述符指向 A 的套接字，如同三次 fork() 之后。其中两个关闭。"});
  s.close_copy(kA);
  s.close_copy(kA);
  s.send(kA, 100);
  s.settle();
  s.read(kB);
  s.say({"B has noticed nothing. Now one of the two that are left shuts down sending.",
         "B 毫无察觉。现在剩下两个中的一个关闭了发送方向。"});
  s.shutdown_copy(kA, socket::kShutWr);
  s.settle();
  s.send(kA, 1);
  s.send(kB, 200);
  s.settle();
  s.read(kA);
  s.say({"The other can't send either, and both can still receive. Their closes come last.",
         "另一个也不能再发送，但两个都仍可接收。最后才是它们各自的 close。"});
  s.close_copy(kA);
  s.close(kB);
  s.settle();
  s.read(kA);
  s.close(kA);
}

constexpr std::array kHolders{
    Scenario{"dup-close",
             {"dup-close: only the last close closes", "dup-close：最后一次 close 才关闭"},
             dup_close,
             "FIN_WAIT_2",
             "CLOSE_WAIT",
             "lastack demo dup-shutdown"},
    Scenario{"four-holders",
             {"four-holders: two close, one shuts, one is left",
              "four-holders：两个 close，一个 shutdown，一个留下"},
             four_holders,
             "TIME_WAIT",
             "CLOSED",
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
             "lastack demo shut-rdwr     lastack demo shut-rd --profile linux"},
    Scenario{"shut-rdwr",
             {"shut-rdwr: neither read nor written", "shut-rdwr：既不读也不写"},
             shut_rdwr,
             "TIME_WAIT",
             "CLOSED",
             "lastack demo unread-data     lastack demo shut-rdwr --profile linux",
             nullptr,
             "CLOSED",
             "CLOSED"},
};

}  // namespace

std::span<const Scenario> holder_scenarios() { return kHolders; }

}  // namespace lastack::insight
