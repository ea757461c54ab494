// Debian's lwIP, two copies of the library in one process joined by memory: lwip
// bulk|pingpong|connect ... Both copies lie beside the program, liblwip-a.so and liblwip-b.so.
//
// The raw interface, no thread, no lock that is ever waited for; the library's own clock is driven
// from here. A packet is copied once, into a buffer of the receiver's.
#include <dlfcn.h>
#include <lwip/init.h>
#include <lwip/ip.h>
#include <lwip/netif.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>

#include "peer.hpp"

namespace {

using bench::fail;

constexpr std::uint16_t kPort = 80;
constexpr double kTimeWait = 2.0 * TCP_MSL;  // milliseconds

/// The functions of one copy.
class Library {
 public:
  explicit Library(const std::string& path)
      : handle_(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) fail(::dlerror());
  }
  template <typename T>
  T* find(const char* name) const {
    void* found = ::dlsym(handle_, name);
    if (found == nullptr) fail(::dlerror());
    return reinterpret_cast<T*>(found);
  }

 private:
  void* handle_;

 public:
#define BENCH_FUNCTION(name) decltype(&::name) name = find<decltype(::name)>(#name)
  BENCH_FUNCTION(lwip_init);
  BENCH_FUNCTION(netif_add);
  BENCH_FUNCTION(netif_set_default);
  BENCH_FUNCTION(netif_set_up);
  BENCH_FUNCTION(netif_set_link_up);
  BENCH_FUNCTION(ip_input);
  BENCH_FUNCTION(pbuf_alloc);
  BENCH_FUNCTION(pbuf_free);
  BENCH_FUNCTION(pbuf_copy_partial);
  BENCH_FUNCTION(tcp_new);
  BENCH_FUNCTION(tcp_arg);
  BENCH_FUNCTION(tcp_bind);
  BENCH_FUNCTION(tcp_listen_with_backlog);
  BENCH_FUNCTION(tcp_accept);
  BENCH_FUNCTION(tcp_connect);
  BENCH_FUNCTION(tcp_recv);
  BENCH_FUNCTION(tcp_recved);
  BENCH_FUNCTION(tcp_write);
  BENCH_FUNCTION(tcp_output);
  BENCH_FUNCTION(tcp_close);
  BENCH_FUNCTION(tcp_tmr);
#undef BENCH_FUNCTION
  tcp_pcb** tcp_tw_pcbs = find<tcp_pcb*>("tcp_tw_pcbs");
};

/// One host: a copy of the library, its network interface and its connection.
struct Host {
  Host(const std::string& path, int number) : lib(path) {
    ip4_addr_t own;
    ip4_addr_t mask;
    ip4_addr_t gateway;
    IP4_ADDR(&own, 10, 0, 0, static_cast<u8_t>(number));
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 0, 0, 0, 0);
    lib.lwip_init();
    const auto set_up = [](netif* device) -> err_t {
      device->mtu = 1500;
      device->output = [](netif* from, pbuf* packet, const ip4_addr_t*) -> err_t {
        static_cast<Host*>(from->state)->send(packet);
        return ERR_OK;
      };
      return ERR_OK;
    };
    if (lib.netif_add(&device, &own, &mask, &gateway, this, set_up, lib.ip_input) == nullptr) {
      fail("lwIP takes no interface");
    }
    lib.netif_set_default(&device);
    lib.netif_set_up(&device);
    lib.netif_set_link_up(&device);
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// The wire's one copy.
  void send(const pbuf* packet) {
    pbuf* copy = peer->lib.pbuf_alloc(PBUF_RAW, packet->tot_len, PBUF_RAM);
    if (copy == nullptr) fail("lwIP has no buffer left");
    lib.pbuf_copy_partial(packet, copy->payload, packet->tot_len, 0);
    peer->arriving.push_back(copy);
  }
  /// Packets taken in; what they are answered with is on its way afterwards.
  std::size_t receive() {
    taken.swap(arriving);
    for (pbuf* packet : taken) device.input(packet, &device);
    const std::size_t count = taken.size();
    taken.clear();
    return count;
  }
  /// Takes over a new connection. What arrives is copied into a buffer of the program's.
  void adopt(tcp_pcb* connection) {
    pcb = connection;
    tcp_nagle_disable(pcb);
    lib.tcp_arg(pcb, this);
    lib.tcp_recv(pcb, [](void* host, tcp_pcb* at, pbuf* data, err_t) -> err_t {
      static_cast<Host*>(host)->read(at, data);
      return ERR_OK;
    });
  }
  void read(tcp_pcb* at, pbuf* data) {
    if (data == nullptr) {
      ended = true;
      return;
    }
    // As a read of a chunk after another does, as far as each fits in.
    for (u16_t done = 0; done < data->tot_len;) {
      if (used == into.size()) used = 0;
      const auto most =
          static_cast<u16_t>(std::min<std::size_t>(data->tot_len - done, into.size() - used));
      lib.pbuf_copy_partial(data, into.data() + used, most, done);
      done = static_cast<u16_t>(done + most);
      used += most;
    }
    received += data->tot_len;
    lib.tcp_recved(at, data->tot_len);
    lib.pbuf_free(data);
  }
  [[nodiscard]] std::size_t time_waits() const {
    std::size_t count = 0;
    for (const tcp_pcb* at = *lib.tcp_tw_pcbs; at != nullptr; at = at->next) ++count;
    return count;
  }

  Library lib;
  Host* peer = nullptr;
  netif device{};
  tcp_pcb* pcb = nullptr;
  std::vector<pbuf*> arriving;
  std::vector<pbuf*> taken;
  std::vector<unsigned char> into = std::vector<unsigned char>(65536);
  std::size_t used = 0;
  std::size_t received = 0;
  bool ended = false;
};

class World {
 public:
  explicit World(const std::string& folder)
      : a_(folder + "/liblwip-a.so", 1), b_(folder + "/liblwip-b.so", 2) {
    a_.peer = &b_;
    b_.peer = &a_;
    tcp_pcb* any = b_.lib.tcp_new();
    if (b_.lib.tcp_bind(any, nullptr, kPort) != ERR_OK) fail("lwIP can't bind");
    any = b_.lib.tcp_listen_with_backlog(any, 255);
    b_.lib.tcp_arg(any, &b_);
    b_.lib.tcp_accept(any, [](void* host, tcp_pcb* pcb, err_t) -> err_t {
      static_cast<Host*>(host)->adopt(pcb);
      return ERR_OK;
    });
  }
  void exchange() {
    while (b_.receive() + a_.receive() > 0) {
    }
  }
  void connect() {
    b_.pcb = nullptr;
    a_.ended = b_.ended = false;
    tcp_pcb* pcb = a_.lib.tcp_new();
    ip_addr_t to;
    IP_ADDR4(&to, 10, 0, 0, 2);
    a_.adopt(pcb);
    const auto connected = [](void*, tcp_pcb*, err_t) -> err_t { return ERR_OK; };
    if (a_.lib.tcp_connect(pcb, &to, kPort, connected) != ERR_OK) fail("no port is left");
    exchange();
    if (pcb->state != ESTABLISHED || b_.pcb == nullptr) fail("no connection was established");
  }
  void ping() {
    const std::size_t before = a_.received + b_.received;
    send_one(a_);
    b_.receive();
    send_one(b_);
    a_.receive();
    if (a_.received + b_.received != before + 2) fail("an octet was lost on the way");
  }
  void close() {
    a_.lib.tcp_close(a_.pcb);
    exchange();
    if (!b_.ended) fail("no FIN came");
    b_.lib.tcp_close(b_.pcb);
    exchange();
  }
  void transfer(std::size_t total, const std::vector<unsigned char>& from) {
    const std::size_t before = b_.received;
    for (std::size_t sent = 0; b_.received - before < total;) {
      while (sent < total) {
        const std::size_t at = sent % from.size();
        const std::size_t most =
            std::min({from.size() - at, total - sent, std::size_t{tcp_sndbuf(a_.pcb)}});
        if (most == 0 || a_.lib.tcp_write(a_.pcb, from.data() + at, static_cast<u16_t>(most),
                                          TCP_WRITE_FLAG_COPY) != ERR_OK) {
          break;
        }
        sent += most;
      }
      a_.lib.tcp_output(a_.pcb);
      if (b_.receive() + a_.receive() == 0) pass(TCP_TMR_INTERVAL);
    }
  }
  /// Milliseconds of the libraries' own time.
  void pass(double milliseconds) {
    for (time_ += milliseconds; time_ >= TCP_TMR_INTERVAL; time_ -= TCP_TMR_INTERVAL) {
      a_.lib.tcp_tmr();
      b_.lib.tcp_tmr();
      exchange();
    }
  }
  [[nodiscard]] Host& a() { return a_; }
  [[nodiscard]] Host& b() { return b_; }

 private:
  static void send_one(Host& from) {
    const char one = 1;
    from.lib.tcp_write(from.pcb, &one, 1, TCP_WRITE_FLAG_COPY);
    from.lib.tcp_output(from.pcb);
  }

  Host a_;
  Host b_;
  double time_ = 0;
};

double bulk(World& world, const bench::Options& options) {
  world.connect();
  const auto from = bench::pattern(options.chunk);
  world.b().into.resize(options.chunk);
  world.transfer(bench::kWarmUp / options.chunk * options.chunk, from);
  if (std::memcmp(world.b().into.data(), from.data(), options.chunk) != 0) {
    fail("octets arrived that were not sent");
  }
  const double ns =
      bench::ns_per_call(options.seconds, 1, [&] { world.transfer(bench::kBulkAtOnce, from); });
  return ns * bench::kUnit / static_cast<double>(bench::kBulkAtOnce);
}

double pingpong(World& world, const bench::Options& options) {
  world.connect();
  for (int i = 0; i < 10'000; ++i) world.ping();
  return bench::ns_per_call(options.seconds, 1000, [&] { world.ping(); });
}

/// Time passes so fast that as many as asked for stand in TIME_WAIT at any moment.
void connect(World& world, const bench::Options& options) {
  const double step = kTimeWait / static_cast<double>(options.time_wait);
  const auto once = [&] {
    world.connect();
    world.ping();
    world.close();
    world.pass(step);
  };
  for (std::size_t i = 0; i < 2 * options.time_wait; ++i) once();
  const std::size_t first = world.a().time_waits();
  const double ns = bench::ns_per_call(options.seconds, 100, once);
  bench::report(ns, first, world.a().time_waits());
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::options(argc, argv);
  World world(std::filesystem::canonical("/proc/self/exe").parent_path().string());
  if (options.what == "bulk") bench::report(bulk(world, options));
  if (options.what == "pingpong") bench::report(pingpong(world, options));
  if (options.what == "connect") connect(world, options);
}
