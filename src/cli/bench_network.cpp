#include "cli/bench_network.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "cli/command.hpp"

namespace lastack::cli {
namespace {

/// A connection of the kernel's to this program; ends the process where there is none.
int kernel_connects() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(kBenchPort);
  ::inet_pton(AF_INET, kBenchHost, &to.sin_addr);
  sockaddr generic{};
  std::memcpy(&generic, &to, sizeof to);
  if (::connect(fd, &generic, sizeof to) != 0) {
    std::perror("lastack: the kernel can't connect");
    ::_exit(1);
  }
  return fd;
}

}  // namespace

void enter_own_network() {
  const uid_t user = ::getuid();
  if (::unshare(CLONE_NEWNET) == 0) return;
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
    throw Failure{std::string("can't make a network namespace: ") + std::strerror(errno) +
                      "\n  run it as root: devices and addresses are only in a network of its own",
                  kFailed};
  }
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
}

Beside::Beside(const std::function<void()>& work) {
  std::fflush(stdout);
  process_ = ::fork();
  if (process_ < 0) throw Failure{"can't start a process", kFailed};
  if (process_ > 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  work();
  ::_exit(0);
}

Beside::~Beside() {
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

std::string output_of(const std::string& script) {
  ::setenv("SCRIPT", script.c_str(), 1);  // so that nothing in it has to be quoted
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen("bash -ec \"$SCRIPT\" 2>&1", "r"),
                                                   ::pclose);
  if (!pipe) throw Failure{"can't start bash", kFailed};
  std::string out;
  std::array<char, 4096> octets{};
  while (const std::size_t n = std::fread(octets.data(), 1, octets.size(), pipe.get())) {
    out.append(octets.data(), n);
  }
  return out;
}

void kernel_sends() {
  const std::vector<std::byte> octets(kBenchChunk);
  const int fd = kernel_connects();
  while (::send(fd, octets.data(), octets.size(), MSG_NOSIGNAL) > 0) {
  }
}

void kernel_receives(bool discard) {
  std::vector<std::byte> octets(kBenchChunk);
  const int fd = kernel_connects();
  while (::recv(fd, octets.data(), octets.size(), discard ? MSG_TRUNC : 0) > 0) {
  }
}

void kernel_pings() {
  const int fd = kernel_connects();
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  char octet = 0;
  while (::send(fd, &octet, 1, MSG_NOSIGNAL) == 1 && ::recv(fd, &octet, 1, 0) == 1) {
  }
}

}  // namespace lastack::cli
