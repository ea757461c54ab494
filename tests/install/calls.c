/* What the C face answers where Linux's calls are asked oddly. Prints each answer that is wrong. */
#include <errno.h>
#include <lastack/lastack.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int wrong = 0;

static void expect(const char* what, int answer, int expected) {
  if (answer == expected) return;
  printf("%s: %d, not %d\n", what, answer, expected);
  wrong = 1;
}

static int opened(const char* what, int fd) {
  if (fd < 0) expect(what, fd, 0);
  return fd;
}

static void sockets(lastack_stack* stack) {
  opened("SOCK_NONBLOCK", lastack_socket(stack, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  opened("SOCK_CLOEXEC", lastack_socket(stack, AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  expect("another bit", lastack_socket(stack, AF_INET, SOCK_STREAM | 0x100, 0), -EINVAL);
  expect("type 99", lastack_socket(stack, AF_INET, 99, 0), -EINVAL);
  expect("type 0", lastack_socket(stack, AF_INET, 0, 0), -ESOCKTNOSUPPORT);
  expect("SOCK_SEQPACKET", lastack_socket(stack, AF_INET, SOCK_SEQPACKET, 0), -ESOCKTNOSUPPORT);
  expect("SOCK_PACKET", lastack_socket(stack, AF_INET, SOCK_PACKET, 0x300), -ESOCKTNOSUPPORT);
  expect("SOCK_RAW", lastack_socket(stack, AF_INET, SOCK_RAW, 0), -EPROTONOSUPPORT);
  expect("protocol -1", lastack_socket(stack, AF_INET, SOCK_STREAM, -1), -EINVAL);
  expect("protocol 300", lastack_socket(stack, AF_INET6, SOCK_DGRAM, 300), -EINVAL);
  expect("protocol 255", lastack_socket(stack, AF_INET, SOCK_STREAM, 255), -EPROTONOSUPPORT);
  expect("UDP as a stream", lastack_socket(stack, AF_INET, SOCK_STREAM, IPPROTO_UDP),
         -EPROTONOSUPPORT);
  expect("AF_UNIX", lastack_socket(stack, AF_UNIX, 99, -1), -EAFNOSUPPORT);
}

static int bind_to(lastack_stack* stack, int fd, int family, in_addr_t address, socklen_t size) {
  struct sockaddr_in in;
  memset(&in, 0, sizeof in);
  in.sin_family = (sa_family_t)family;
  in.sin_port = htons(80);
  in.sin_addr.s_addr = htonl(address);
  return lastack_bind(stack, fd, (struct sockaddr*)&in, size);
}

static void binding(lastack_stack* stack) {
  const socklen_t in = sizeof(struct sockaddr_in);
  const int v4 = opened("a stream", lastack_socket(stack, AF_INET, SOCK_STREAM, 0));
  const int v6 = opened("one of IPv6", lastack_socket(stack, AF_INET6, SOCK_STREAM, 0));
  struct sockaddr_in6 in6;
  memset(&in6, 0, sizeof in6);
  in6.sin6_family = AF_INET6;
  expect("bind a part of an address", bind_to(stack, v4, AF_INET, INADDR_ANY, 4), -EINVAL);
  expect("bind AF_INET6, as short as IPv4's", bind_to(stack, v4, AF_INET6, INADDR_ANY, in),
         -EAFNOSUPPORT);
  expect("bind AF_UNIX", bind_to(stack, v4, AF_UNIX, INADDR_ANY, in), -EAFNOSUPPORT);
  expect("bind AF_UNSPEC, an address", bind_to(stack, v4, AF_UNSPEC, 0x0a000001, in),
         -EAFNOSUPPORT);
  expect("bind AF_UNSPEC", bind_to(stack, v4, AF_UNSPEC, INADDR_ANY, in), 0);
  expect("bind a second time", bind_to(stack, v4, AF_INET, INADDR_ANY, in), -EINVAL);
  expect("bind AF_INET of IPv6", bind_to(stack, v6, AF_INET, INADDR_ANY, in), -EINVAL);
  expect("bind none", bind_to(stack, 99, AF_INET, INADDR_ANY, in), -EBADF);
  expect("bind AF_INET6", lastack_bind(stack, v6, (struct sockaddr*)&in6, sizeof in6), 0);
}

static void options(lastack_stack* stack) {
  const int fd = opened("a stream", lastack_socket(stack, AF_INET, SOCK_STREAM, 0));
  int value = 7;
  socklen_t size = (socklen_t)-1;
  expect("getsockopt, length -1", lastack_getsockopt(stack, fd, SOL_SOCKET, SO_TYPE, &value, &size),
         -EINVAL);
  expect("setsockopt, length -1",
         lastack_setsockopt(stack, fd, SOL_SOCKET, SO_KEEPALIVE, &value, size), -EINVAL);
  size = 2;
  expect("IP_TTL", lastack_getsockopt(stack, fd, IPPROTO_IP, IP_TTL, &value, &size), 0);
  expect("IP_TTL's length", (int)size, 1);
}

int main(void) {
  const char* const addresses[] = {"10.0.0.1/24", "fd00::1/64", NULL};
  struct lastack_options how;
  lastack_stack* stack = NULL;
  memset(&how, 0, sizeof how);
  how.size = sizeof how;
  how.addresses = addresses;
  how.seed = 1;
  if (lastack_stack_new(&stack, &how) != 0) return 1;
  sockets(stack);
  binding(stack);
  options(stack);
  lastack_stack_free(stack);
  return wrong;
}
