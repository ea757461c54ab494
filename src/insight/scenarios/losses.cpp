// What is lost is sent again, and what that does to the states.
#include <array>

#include "insight/scenarios.hpp"

namespace lastack::insight {
namespace {

void lost_syn(Stage& s) {
  s.listen();
  s.lose(1);
  s.connect();
  s.say({"The SYN is lost; A asks again after a second.", "SYN 丢失；A 一秒后再试。"});
  s.settle();
  s.accept();
}

void lost_fin(Stage& s) {
  s.establish();
  s.lose(1);
  s.shutdown(kA, socket::kShutWr);
  s.say({"The FIN is lost. A stays in FIN_WAIT_1 and sends it again.",
         "FIN 丢失。A 停留在 FIN_WAIT_1 并重发。"});
  s.settle();
  s.close(kB);
  s.settle();
}

void lost_last_ack(Stage& s) {
  s.establish();
  s.close(kA);
  s.settle();
  s.lose(2);
  s.close(kB);
  s.say(
      {"A's last ACK is lost. B stays in LAST_ACK and sends its FIN again: this is what TIME_WAIT "
       "is "
       "for.",
       "A 的最后一个 ACK 丢失。B 停留在 LAST_ACK 并重发 FIN：TIME_WAIT 正是为此而设。"});
  s.settle();
  s.say({"A acknowledged it again and started its 2 MSL anew.", "A 再次确认，并重新开始 2 MSL。"});
}

void zero_window(Stage& s) {
  s.establish();
  s.send(kB, 6000);
  s.run(1s);
  s.say({"A's buffer of 4096 octets is full: its window is closed, and B asks from time to time.",
         "A 的 4096 字节缓冲区满了：窗口关闭，B 不时探询。"});
  s.run(2s);
  s.read(kA);
  s.settle();
  s.read(kA);
  s.say({"A has read: the window opens, and the rest comes.", "A 读取后窗口打开，其余数据到达。"});
}

constexpr std::array kLosses{
    Scenario{"lost-syn",
             {"lost-syn: asked twice", "lost-syn：问了两次"},
             lost_syn,
             "ESTABLISHED",
             "ESTABLISHED",
             "lastack demo open --drop 2"},
    Scenario{"lost-fin",
             {"lost-fin: FIN_WAIT_1 lasts longer", "lost-fin：FIN_WAIT_1 停留更久"},
             lost_fin,
             "TIME_WAIT",
             "CLOSED",
             "lastack demo lost-last-ack"},
    Scenario{"lost-last-ack",
             {"lost-last-ack: what TIME_WAIT is for", "lost-last-ack：TIME_WAIT 的意义"},
             lost_last_ack,
             "TIME_WAIT",
             "CLOSED",
             "lastack demo time-wait"},
    Scenario{"zero-window",
             {"zero-window: a reader that does not read", "zero-window：不读取的读者"},
             zero_window,
             "ESTABLISHED",
             "ESTABLISHED",
             "lastack demo half-close",
             [](sim::TwoHostsConfig& config) { config.settings.receive_buffer = 4096; }},
};

}  // namespace

std::span<const Scenario> loss_scenarios() { return kLosses; }

}  // namespace lastack::insight
