// How connections begin.
#include <array>

#include "insight/scenarios.hpp"

namespace lastack::insight {
namespace {

void open(Stage& s) {
  s.say({"B waits in LISTEN. The listener stays there: each SYN makes a child of it.",
         "B 在 LISTEN 等待。监听者一直留在 LISTEN：每个 SYN 产生一个子连接。"});
  s.listen();
  s.connect();
  s.say({"A sent SYN and is in SYN_SENT until somebody answers.",
         "A 发出 SYN，进入 SYN_SENT，等待对方回答。"});
  s.settle();
  s.say(
      {"B answered with SYN,ACK and passed through SYN_RCVD, usually too briefly to be seen. A's "
       "ACK "
       "ended the handshake.",
       "B 回答 SYN,ACK，经过 SYN_RCVD（通常很短暂，难以看到）。A 的 ACK 完成了三次握手。"});
  s.accept();
  s.send(kA, 100);
  s.settle();
  s.read(kB);
}

void simultaneous_open(Stage& s) {
  s.say({"Both know the other's port and open at the same moment. Nobody listens.",
         "双方都知道对方的端口，同时主动打开，没有人监听。"});
  s.connect_to_each_other();
  s.settle();
  s.say(
      {"Each SYN met a SYN_SENT: both went through SYN_RCVD, and one connection came of it, not "
       "two.",
       "两个 SYN 各自遇到 SYN_SENT：双方都经过 SYN_RCVD，结果是一条连接，而不是两条。"});
}

void self_connect(Stage& s) {
  s.say({"A connects from its port to the very same port: a simultaneous open with itself.",
         "A 从自己的端口连接同一个端口：与自己同时打开。"});
  s.connect_to_itself();
  s.settle();
  s.say(
      {"Its own SYN took it to SYN_RCVD, its own answer to ESTABLISHED. Legal, and a surprise to "
       "those who retry a connect to a local port in a loop.",
       "自己的 SYN 使它进入 SYN_RCVD，自己的回答使它进入 ESTABLISHED。这是合法的，"
       "循环重试连接本机端口的程序常因此吃惊。"});
}

void refused(Stage& s) {
  s.say({"Nobody listens at B's port.", "B 的端口没有人监听。"});
  s.connect();
  s.settle();
  s.say(
      {"The SYN was answered with RST: A is CLOSED again and its connect() fails with "
       "ECONNREFUSED.",
       "SYN 得到 RST：A 回到 CLOSED，connect() 以 ECONNREFUSED 失败。"});
}

constexpr std::array kOpening{
    Scenario{"open",
             {"open: the three-way handshake", "open：三次握手"},
             open,
             "ESTABLISHED",
             "ESTABLISHED",
             "lastack demo open --drop 2"},
    Scenario{"simultaneous-open",
             {"simultaneous-open: two SYNs cross", "simultaneous-open：两个 SYN 交错"},
             simultaneous_open,
             "ESTABLISHED",
             "ESTABLISHED",
             "lastack demo simultaneous-close"},
    Scenario{"self-connect",
             {"self-connect: one end talks to itself", "self-connect：一端与自己相连"},
             self_connect,
             "ESTABLISHED",
             "CLOSED",
             "lastack demo simultaneous-open"},
    Scenario{"refused",
             {"refused: nobody is there", "refused：无人应答"},
             refused,
             "CLOSED",
             "CLOSED",
             "lastack demo open"},
};

}  // namespace

std::span<const Scenario> opening_scenarios() { return kOpening; }

}  // namespace lastack::insight
