/* A TCP/IP host to put into a C program, and whatever can call C: the sockets of lastack/stack.hpp
 * with POSIX's names, arguments and Linux's numbers. Link with -llastack-c.
 *
 * Each call answers as the one that it is named after, but with a negative errno value where that
 * would set errno: lastack_recv() answers -EAGAIN. None waits but those of a loop:
 * lastack_loop_poll(), as poll(2), and lastack_loop_recv() and its like. A descriptor is a number
 * of its stack's, not of the system's. A stack, and whatever loop it is on, belong to one thread.
 *
 * The ABI of a version 0.x is what the header of that version says; a struct that may grow begins
 * with its size. */
#ifndef LASTACK_LASTACK_H
#define LASTACK_LASTACK_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As in "0.1.0". */
const char* lastack_version(void);
/* What the last call of this thread that failed has to say to a person, beyond its errno value; ""
 * where that says all. Good until the next one. */
const char* lastack_error(void);

/* --- A stack: one host. */

typedef struct lastack_stack lastack_stack;

enum { LASTACK_PROFILE_BSD = 0, LASTACK_PROFILE_LINUX = 1 };

/* Fields that are 0 stand for the default. */
struct lastack_options {
  size_t size;                  /* sizeof(struct lastack_options) */
  const char* const* addresses; /* ours, "10.9.0.2/24", the last one NULL */
  uint64_t seed;                /* the same seed and calls give the same run; 0: the system's */
  uint32_t receive_buffer;      /* octets for each connection; 256 KiB */
  uint32_t send_buffer;
  uint32_t msl_ms; /* TIME_WAIT lasts twice this; 30 seconds */
  uint16_t mtu;    /* octets of the largest IP packet; 1500 */
  uint8_t profile; /* whose meaning shutdown() and TIME_WAIT have */
  uint8_t offload; /* not 0: the link cuts, sums and verifies, as a TUN device does */
};

/* -EINVAL where an address can't be read. */
int lastack_stack_new(lastack_stack** made, const struct lastack_options* options);
/* Everything of it is gone, and nothing is sent. Free the loop that it is on before. NULL is fine.
 */
void lastack_stack_free(lastack_stack* stack);

/* --- Time and packets, where no loop carries them: in microseconds, on a clock of the caller's. */

void lastack_advance(lastack_stack* stack, int64_t now);
/* When lastack_advance() wants to be called; INT64_MAX for never. */
int64_t lastack_next_deadline(const lastack_stack* stack);
/* An IP packet; it is copied. */
void lastack_packet_arrives(lastack_stack* stack, const void* packet, size_t octets);
/* Writes the next packet to send; its length, 0 where there is none. One that does not fit is
 * dropped: give it the MTU, or 64 KiB with offload. */
size_t lastack_transmit(lastack_stack* stack, void* into, size_t octets);

/* --- Sockets. */

/* SOCK_NONBLOCK and SOCK_CLOEXEC may stand in `type`, and change nothing: no call blocks. */
int lastack_socket(lastack_stack* stack, int domain, int type, int protocol);
int lastack_dup(lastack_stack* stack, int fd);
/* Takes this descriptor away; the last one closes. */
int lastack_close(lastack_stack* stack, int fd);
int lastack_bind(lastack_stack* stack, int fd, const struct sockaddr* address, socklen_t size);
int lastack_listen(lastack_stack* stack, int fd, int backlog);
/* `address` and `size` may be NULL. */
int lastack_accept(lastack_stack* stack, int fd, struct sockaddr* address, socklen_t* size);
/* -EINPROGRESS at first; POLLOUT says that it is answered, and the second call how. */
int lastack_connect(lastack_stack* stack, int fd, const struct sockaddr* address, socklen_t size);
ssize_t lastack_send(lastack_stack* stack, int fd, const void* octets, size_t size, int flags);
ssize_t lastack_recv(lastack_stack* stack, int fd, void* into, size_t size, int flags);
/* Several buffers in one call; of `msg_control` nothing is read or written. */
ssize_t lastack_sendmsg(lastack_stack* stack, int fd, const struct msghdr* message, int flags);
ssize_t lastack_recvmsg(lastack_stack* stack, int fd, struct msghdr* message, int flags);
ssize_t lastack_sendto(lastack_stack* stack, int fd, const void* octets, size_t size, int flags,
                       const struct sockaddr* to, socklen_t to_size);
ssize_t lastack_recvfrom(lastack_stack* stack, int fd, void* into, size_t size, int flags,
                         struct sockaddr* from, socklen_t* from_size);
/* Acts at once and for every descriptor of the socket. */
int lastack_shutdown(lastack_stack* stack, int fd, int how);
int lastack_setsockopt(lastack_stack* stack, int fd, int level, int name, const void* value,
                       socklen_t size);
int lastack_getsockopt(lastack_stack* stack, int fd, int level, int name, void* value,
                       socklen_t* size);
int lastack_getsockname(lastack_stack* stack, int fd, struct sockaddr* address, socklen_t* size);
int lastack_getpeername(lastack_stack* stack, int fd, struct sockaddr* address, socklen_t* size);
/* SIOCINQ, SIOCOUTQ: octets. SIOCATMARK: as sockatmark(3). */
int lastack_ioctl(lastack_stack* stack, int fd, unsigned long request);

/* As poll(2) with a time of 0. */
int lastack_poll(lastack_stack* stack, struct pollfd* descriptors, size_t count);
/* Asks once to be told by lastack_next_ready() when poll() gives one of `events`, POLLERR or
 * POLLHUP, or the descriptor is closed (POLLNVAL). Replaces what was asked before; 0 asks nothing.
 */
int lastack_watch(lastack_stack* stack, int fd, short events);
/* 1 and what was asked for, with `revents`; 0 where there is nothing. */
int lastack_next_ready(lastack_stack* stack, struct pollfd* ready);

/* --- Looking in. */

/* RFC 9293's name of the state, as in "FIN_WAIT_1"; NULL for a descriptor that is none. */
const char* lastack_state(const lastack_stack* stack, int fd);
/* How many descriptors refer to the same socket. */
int lastack_references(const lastack_stack* stack, int fd);
/* The last eight transitions, the earliest first, a line each: "12.34 SYN_SENT ESTABLISHED
 * syn_ack", the time in seconds. Writes what fits and a '\0'; octets that there are, without it. */
ssize_t lastack_history(const lastack_stack* stack, int fd, char* into, size_t size);

/* --- A loop: stacks on real links (Linux). */

typedef struct lastack_loop lastack_loop;

int lastack_loop_new(lastack_loop** made);
void lastack_loop_free(lastack_loop* loop);
/* Joins the stack to this machine's kernel by a TUN device, which is made where there is none;
 * `kernel` are addresses for the kernel's end, the last one NULL, or NULL. Needs CAP_NET_ADMIN, or
 * a device prepared by `ip tuntap add NAME mode tun user USER`. */
int lastack_loop_attach(lastack_loop* loop, lastack_stack* stack, const char* name,
                        const char* const* kernel);
/* Joins two stacks by a wire in memory; a packet is `delay` microseconds on its way. */
int lastack_loop_join(lastack_loop* loop, lastack_stack* a, lastack_stack* b, int64_t delay);
/* Readable whenever lastack_loop_turn() has something to do: for a loop of the caller's. */
int lastack_loop_descriptor(lastack_loop* loop);
/* Does what can be done now; call it after calls on sockets, too. -ENODEV where a device is gone.
 */
int lastack_loop_turn(lastack_loop* loop);
/* As poll(2), and the loop goes on meanwhile: how many are ready, 0 when `timeout` milliseconds are
 * over (-1: never). */
int lastack_loop_poll(lastack_loop* loop, lastack_stack* stack, struct pollfd* descriptors,
                      size_t count, int timeout);

/* The calls that wait, the loop going on meanwhile, as POSIX's do for a socket that is not
 * O_NONBLOCK: SO_RCVTIMEO, SO_SNDTIMEO, SO_RCVLOWAT, MSG_WAITALL and SO_LINGER count. -EAGAIN (of
 * connect -EINPROGRESS) when such a time is over, -ENETDOWN where a device is gone. */
int lastack_loop_connect(lastack_loop* loop, lastack_stack* stack, int fd,
                         const struct sockaddr* address, socklen_t size);
int lastack_loop_accept(lastack_loop* loop, lastack_stack* stack, int fd, struct sockaddr* address,
                        socklen_t* size);
ssize_t lastack_loop_send(lastack_loop* loop, lastack_stack* stack, int fd, const void* octets,
                          size_t size, int flags);
ssize_t lastack_loop_recv(lastack_loop* loop, lastack_stack* stack, int fd, void* into, size_t size,
                          int flags);
int lastack_loop_close(lastack_loop* loop, lastack_stack* stack, int fd);

#ifdef __cplusplus
}
#endif

#endif
