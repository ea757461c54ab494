// As fast as a TUN device goes with next to nothing behind it: tun read|write|flood [--seconds N].
//
//   read   the kernel sends; here packets are read and acknowledged, and not looked at
//   write  segments of up to 64 KiB out of one buffer, as the window allows; the kernel's receiver
//          discards them without a copy (MSG_TRUNC)
//   flood  one such segment again and again, whatever comes back: for the kernel a duplicate
//
// The device la0 has to be there, with 10.77.0.1 at the kernel's end and `vnet_hdr`; 10.77.0.2 is
// here.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <string>

#include "peer.hpp"

namespace {

using bench::fail;

/// As linux/virtio_net.h has it, which is no C++: in front of each packet.
struct Offload {
  std::uint8_t flags;
  std::uint8_t gso_type;
  std::uint16_t hdr_len;
  std::uint16_t gso_size;
  std::uint16_t csum_start;
  std::uint16_t csum_offset;
};
constexpr std::uint8_t kNeedsChecksum = 1;
constexpr std::uint8_t kWholeTcpV4 = 1;

constexpr std::uint16_t kPort = 9;
constexpr std::uint32_t kKernel = 0x0a4d0001;
constexpr std::uint32_t kHere = 0x0a4d0002;
constexpr std::uint16_t kSegment = 1460;
constexpr std::size_t kWhole = std::size_t{44} * kSegment;  ///< the most that an IP packet takes
constexpr unsigned kScale = 10;                             ///< of our window

int must(int result, const char* what) {
  if (result < 0) fail(std::string(what) + ": " + std::strerror(errno));
  return result;
}

int open_device() {
  const int fd = must(::open("/dev/net/tun", O_RDWR | O_NONBLOCK), "/dev/net/tun");
  ifreq request{};
  std::strcpy(request.ifr_name, "la0");
  request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  must(::ioctl(fd, TUNSETIFF, &request), "TUNSETIFF");
  must(::ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4), "TUNSETOFFLOAD");
  return fd;
}

struct [[gnu::packed]] Headers {
  Offload offload;
  iphdr ip;
  tcphdr tcp;
  std::array<std::uint8_t, 8> options;  ///< of a SYN: MSS, then the window's scale
};
constexpr std::size_t kPlain = sizeof(Headers) - 8;

std::uint32_t sum(const void* from, std::size_t octets) {
  std::uint32_t total = 0;
  for (std::size_t i = 0; i + 1 < octets; i += 2) {
    std::uint16_t word = 0;
    std::memcpy(&word, static_cast<const char*>(from) + i, 2);
    total += word;
  }
  return total;
}
std::uint16_t folded(std::uint32_t total) {
  total = (total & 0xffffU) + (total >> 16U);
  return static_cast<std::uint16_t>((total & 0xffffU) + (total >> 16U));
}

/// This end of the connection.
class End {
 public:
  End(std::uint16_t own_port, std::uint16_t peer_port) : fd_(open_device()) {
    headers_.ip.version = 4;
    headers_.ip.ihl = 5;
    headers_.ip.ttl = 64;
    headers_.ip.protocol = IPPROTO_TCP;
    headers_.ip.saddr = htonl(kHere);
    headers_.ip.daddr = htonl(kKernel);
    headers_.tcp.source = htons(own_port);
    headers_.tcp.dest = htons(peer_port);
    headers_.tcp.window = 0xffff;
    headers_.options = {2, 4, kSegment >> 8U, kSegment & 0xffU, 1, 3, 3, kScale};
    headers_.offload.flags = kNeedsChecksum;
    headers_.offload.csum_start = sizeof(iphdr);
    headers_.offload.csum_offset = offsetof(tcphdr, check);
  }
  /// Our SYN goes first; or (`listen`) the kernel's is waited for.
  void open(bool listen) {
    if (!listen) {
      headers_.tcp.syn = 1;
      send(0, nullptr, 0);
    }
    while (!has_peer_) take(1000);
    headers_.tcp.syn = listen ? 1 : 0;
    headers_.tcp.ack = 1;
    send(0, nullptr, 0);
    headers_.tcp.syn = 0;
    next_ = una_ = 1;
  }
  /// Reads what is there, waiting for it so many milliseconds; packets read.
  std::size_t take(int wait) {
    pollfd waiting{fd_, POLLIN, 0};
    ::poll(&waiting, 1, wait);
    return take_now();
  }
  std::size_t take_now() {
    std::size_t count = 0;
    ssize_t n = 0;
    while (count < 32 && (n = ::read(fd_, packet_.data(), packet_.size())) > 0) {
      look_at(static_cast<std::size_t>(n));
      ++count;
    }
    return count;
  }
  void acknowledge() { send(next_, nullptr, 0); }
  void write_from(std::uint32_t seq, std::vector<unsigned char>& from) {
    send(seq, from.data(), from.size());
  }
  /// A super-segment where the window has room for it.
  bool write(std::vector<unsigned char>& from) {
    if (next_ + from.size() - una_ > window_) return false;
    write_from(next_, from);
    next_ += static_cast<std::uint32_t>(from.size());
    return true;
  }
  [[nodiscard]] std::uint64_t received() const { return received_; }
  [[nodiscard]] std::uint32_t acknowledged() const { return una_; }

 private:
  void look_at(std::size_t octets) {
    const std::size_t at = sizeof(Offload);
    if (octets < at + sizeof(iphdr) + sizeof(tcphdr)) return;
    iphdr ip{};
    tcphdr tcp{};
    std::memcpy(&ip, packet_.data() + at, sizeof ip);
    std::memcpy(&tcp, packet_.data() + at + sizeof ip, sizeof tcp);
    if (ip.protocol != IPPROTO_TCP || ip.version != 4 || tcp.rst) return;
    const std::size_t payload = octets - at - sizeof ip - tcp.doff * 4U;
    if (tcp.syn) {
      has_peer_ = true;
      expected_ = ntohl(tcp.seq) + 1;
      headers_.tcp.dest = tcp.source;
      scale_ = scale_of(tcp.doff * 4U);
      una_ = ntohl(tcp.ack_seq);
      window_ = ntohs(tcp.window);  // of a SYN it is never scaled
      return;
    }
    if (ntohl(tcp.seq) == expected_) {
      expected_ += static_cast<std::uint32_t>(payload);
      received_ += payload;
    }
    una_ = ntohl(tcp.ack_seq);
    window_ = std::uint32_t{ntohs(tcp.window)} << scale_;
  }
  [[nodiscard]] unsigned scale_of(std::size_t header) const {
    const std::size_t tcp = sizeof(Offload) + sizeof(iphdr);
    for (std::size_t i = tcp + sizeof(tcphdr); i + 2 < tcp + header && packet_[i] != 0;) {
      if (packet_[i] == 3) return packet_[i + 2];
      i += packet_[i] == 1 ? 1 : packet_[i + 1];
    }
    return 0;
  }
  void send(std::uint32_t seq, void* payload, std::size_t size) {
    const std::size_t options = headers_.tcp.syn ? 8 : 0;
    const std::size_t tcp = sizeof(tcphdr) + options;
    headers_.tcp.doff = headers_.tcp.syn ? 7 : 5;
    headers_.tcp.seq = htonl(seq);
    headers_.tcp.ack_seq = htonl(expected_);
    headers_.ip.tot_len = htons(static_cast<std::uint16_t>(sizeof(iphdr) + tcp + size));
    headers_.ip.check = 0;
    const std::array<std::uint16_t, 2> pseudo{htons(IPPROTO_TCP),
                                              htons(static_cast<std::uint16_t>(tcp + size))};
    headers_.tcp.check = folded(sum(&headers_.ip.saddr, 8) + sum(pseudo.data(), 4));
    headers_.ip.check = static_cast<std::uint16_t>(~folded(sum(&headers_.ip, sizeof(iphdr))));
    headers_.offload.gso_type = size > kSegment ? kWholeTcpV4 : 0;
    headers_.offload.gso_size = size > kSegment ? kSegment : 0;
    headers_.offload.hdr_len = static_cast<std::uint16_t>(sizeof(iphdr) + tcp);
    const std::array<iovec, 2> parts{iovec{&headers_, kPlain + options}, iovec{payload, size}};
    if (::writev(fd_, parts.data(), size > 0 ? 2 : 1) < 0) fail(std::strerror(errno));
  }

  int fd_;
  Headers headers_{};
  std::vector<unsigned char> packet_ = std::vector<unsigned char>(70'000);
  bool has_peer_ = false;
  unsigned scale_ = 0;
  std::uint32_t expected_ = 0;
  std::uint64_t received_ = 0;
  std::uint32_t next_ = 1;
  std::uint32_t una_ = 0;
  std::uint32_t window_ = 0;
};

sockaddr_in address(std::uint32_t ip, std::uint16_t port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(ip);
  return to;
}

/// The kernel's end is a process of its own, and ends with this one.
template <typename Work>
void beside(Work work) {
  if (must(::fork(), "fork") != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  work();
  ::_exit(0);
}

void kernel_sends() {
  std::vector<unsigned char> octets(1U << 20U);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in to = address(kHere, kPort);
  must(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), "connect");
  while (::send(fd, octets.data(), octets.size(), 0) > 0) {
  }
}

int kernel_listens() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in at = address(kKernel, kPort);
  must(::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at), "bind");
  must(::listen(fd, 1), "listen");
  return fd;
}

void kernel_receives(int listener) {
  std::vector<unsigned char> octets(1U << 20U);
  const int fd = must(::accept(listener, nullptr, nullptr), "accept");
  while (::recv(fd, octets.data(), octets.size(), MSG_TRUNC) > 0) {
  }
}

/// Calls step() for so long; what progress() grew by, a second.
template <typename Step, typename Progress>
void measure(double seconds, Step step, Progress progress) {
  using Clock = std::chrono::steady_clock;
  const auto run_for = [&](double span) {
    const auto begin = Clock::now();
    const auto so_far = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
    while (so_far() < span) {
      for (int i = 0; i < 100; ++i) step();
    }
    return so_far();
  };
  run_for(seconds / 5);
  const auto before = progress();
  const double cpu = bench::cpu_ns();
  const double took = run_for(seconds);
  const double bits = 8.0 * static_cast<double>(progress() - before);
  std::printf("{\"gbit_per_s\": %.3f, \"cpu_ns_per_1460_octets\": %.3f}\n", bits / took / 1e9,
              (bench::cpu_ns() - cpu) / (bits / 8 / bench::kUnit));
}

void read_and_acknowledge(double seconds) {
  End end(kPort, 0);
  beside(kernel_sends);
  end.open(true);
  measure(
      seconds,
      [&] {
        if (end.take_now() > 0 || end.take(10) > 0) end.acknowledge();
      },
      [&] { return end.received(); });
}

void write_whole(double seconds) {
  const int listener = kernel_listens();
  beside([&] { kernel_receives(listener); });
  End end(5000, kPort);
  end.open(false);
  std::vector<unsigned char> hot = bench::pattern(kWhole);
  std::uint64_t written = 0;
  std::uint32_t last = end.acknowledged();
  measure(
      seconds,
      [&] {
        while (end.write(hot)) {
        }
        if (end.take_now() == 0) end.take(10);
        written += end.acknowledged() - last;  // modulo 2^32, as both are
        last = end.acknowledged();
      },
      [&] { return written; });
}

void flood(double seconds) {
  const int listener = kernel_listens();
  beside([&] { kernel_receives(listener); });
  End end(5000, kPort);
  end.open(false);
  std::vector<unsigned char> hot = bench::pattern(kWhole);
  std::uint64_t written = 0;
  measure(
      seconds,
      [&] {
        end.write_from(1, hot);
        written += hot.size();
      },
      [&] { return written; });
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::options(argc, argv);
  if (options.what == "read") read_and_acknowledge(options.seconds);
  if (options.what == "write") write_whole(options.seconds);
  if (options.what == "flood") flood(options.seconds);
}
