/* A client in C asks and half-closes; the server answers until it has said all. Each is on a host of
 * its own, a wire in memory between them. The calls are those of POSIX, with lastack_ before them. */
#include <arpa/inet.h>
#include <errno.h>
#include <lastack/lastack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lastack_loop *loop;

/* The value of a call that must not fail. */
static long must(const char *what, long value) {
  if (value < 0) {
    fprintf(stderr, "%s: %s. %s\n", what, strerror((int)-value), lastack_error());
    exit(1);
  }
  return value;
}

static lastack_stack *stack_at(const char *address) {
  const char *const addresses[] = {address, NULL};
  const struct lastack_options options = {.size = sizeof options, .addresses = addresses};
  lastack_stack *stack = NULL;
  must("lastack_stack_new", lastack_stack_new(&stack, &options));
  return stack;
}

static void wait_for(lastack_stack *stack, int fd, short events) {
  struct pollfd wanted = {.fd = fd, .events = events};
  if (must("lastack_loop_poll", lastack_loop_poll(loop, stack, &wanted, 1, 10000)) == 0) {
    fprintf(stderr, "nothing has come in ten seconds\n");
    exit(1);
  }
}

/* What is there to read, until the peer's FIN. */
static size_t read_all(lastack_stack *stack, int fd, char *into, size_t size) {
  size_t octets = 0;
  for (;;) {
    const ssize_t got = lastack_recv(stack, fd, into + octets, size - octets, 0);
    if (got == 0) return octets;
    if (got == -EAGAIN) {
      wait_for(stack, fd, POLLIN);
    } else {
      octets += (size_t)must("lastack_recv", got);
    }
  }
}

int main(void) {
  must("lastack_loop_new", lastack_loop_new(&loop));
  lastack_stack *a = stack_at("10.0.0.1/24");
  lastack_stack *b = stack_at("10.0.0.2/24");
  must("lastack_loop_join", lastack_loop_join(loop, a, b, 0));

  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
  inet_pton(AF_INET, "10.0.0.2", &address.sin_addr);
  const struct sockaddr *server_address = (const struct sockaddr *)&address;
  const int listener = (int)must("lastack_socket", lastack_socket(b, AF_INET, SOCK_STREAM, 0));
  must("lastack_bind", lastack_bind(b, listener, server_address, sizeof address));
  must("lastack_listen", lastack_listen(b, listener, 5));

  const int client = (int)must("lastack_socket", lastack_socket(a, AF_INET, SOCK_STREAM, 0));
  if (lastack_connect(a, client, server_address, sizeof address) != -EINPROGRESS) return 1;
  wait_for(a, client, POLLOUT);
  must("lastack_connect", lastack_connect(a, client, server_address, sizeof address));
  must("lastack_send", lastack_send(a, client, "a question", 10, 0));
  must("lastack_shutdown", lastack_shutdown(a, client, SHUT_WR));

  wait_for(b, listener, POLLIN);
  const int server = (int)must("lastack_accept", lastack_accept(b, listener, NULL, NULL));
  char text[100];
  const size_t asked = read_all(b, server, text, sizeof text);
  printf("B has read %zu octets, and stands in %s, A in %s\n", asked, lastack_state(b, server),
         lastack_state(a, client));
  must("lastack_send", lastack_send(b, server, "and an answer to it", 19, 0));
  must("lastack_close", lastack_close(b, server));

  const size_t answered = read_all(a, client, text, sizeof text);
  printf("A has read %zu octets: %.*s. How it got to %s:\n", answered, (int)answered, text,
         lastack_state(a, client));
  char history[1000];
  must("lastack_history", lastack_history(a, client, history, sizeof history));
  fputs(history, stdout);
  const int ended_well = strcmp(lastack_state(a, client), "TIME_WAIT") == 0;

  lastack_close(a, client);
  lastack_close(b, listener);
  lastack_loop_free(loop);
  lastack_stack_free(a);
  lastack_stack_free(b);
  return ended_well ? 0 : 1;
}
