#include "run/filter.hpp"

#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

namespace lastack::run {
namespace {

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

/// read(), write() and their kin are not among them: they go to a stand-in, in the kernel.
constexpr std::array kAnswered = {
    SCMP_SYS(socket),     SCMP_SYS(bind),        SCMP_SYS(listen),      SCMP_SYS(accept),
    SCMP_SYS(accept4),    SCMP_SYS(connect),     SCMP_SYS(shutdown),    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),   SCMP_SYS(recvmsg),     SCMP_SYS(recvmmsg)};

/// Its operations pass no filter, so nobody gets one; programs do without (Linux before 5.1).
constexpr std::array kAbsent = {SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter),
                                SCMP_SYS(io_uring_register)};

/// The kernel reads 32 bits of an ioctl's request.
constexpr scmp_datum_t kRequest = 0xffffffff;
constexpr scmp_datum_t kFamilyOfRequests = 0xffffff00;  ///< all of SIOC...
constexpr scmp_datum_t kSioc = 0x8900;

int add_rules(scmp_filter_ctx filter) {
  int bad = 0;
  for (const int call : kAnswered) bad |= seccomp_rule_add(filter, SCMP_ACT_NOTIFY, call, 0);
  for (const int call : kAbsent) bad |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0);
  // Only where they name an address, which a stand-in has not.
  for (const int call : {SCMP_SYS(sendto), SCMP_SYS(recvfrom)}) {
    bad |= seccomp_rule_add(filter, SCMP_ACT_NOTIFY, call, 1, SCMP_A4(SCMP_CMP_NE, 0));
  }
  bad |= seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(sendto), 1,
                          SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_OOB, MSG_OOB));
  bad |= seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(recvfrom), 1,
                          SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_ERRQUEUE, MSG_ERRQUEUE));
  bad |= seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(recvfrom), 1,
                          SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_WAITALL, MSG_WAITALL));
  // Which datagrams do not mind.
  bad |= seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(recvfrom), 1,
                          SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_OOB, MSG_OOB));
  // A stand-in ends each datagram with its call.
  bad |= seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(sendto), 1,
                          SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_MORE, MSG_MORE));
  bad |= seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(ioctl), 1,
                          SCMP_A1(SCMP_CMP_MASKED_EQ, kRequest, SIOCOUTQ));
  bad |= seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(ioctl), 1,
                          SCMP_A1(SCMP_CMP_MASKED_EQ, kFamilyOfRequests, kSioc));
  return bad;
}

/// Why there is no user notification here: libseccomp says it in words of its own.
int reason_of(int error) {
  std::uint32_t action = SECCOMP_RET_USER_NOTIF;
  if (::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0) return -errno;
  return error == -EFAULT ? -EBUSY : error;  // there is one already
}

int option(int socket, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

/// An address behind a pointer may be another one when the kernel reads it: so none is allowed.
bool may_name_an_address(const Call& call, int socket) {
  switch (call.number) {
    case SCMP_SYS(bind):
    case SCMP_SYS(listen):
    case SCMP_SYS(connect):
    case SCMP_SYS(sendto): return true;
    case SCMP_SYS(sendmsg):
      return option(socket, SO_TYPE) != SOCK_STREAM || (call.integer(2) & MSG_FASTOPEN) != 0;
    case SCMP_SYS(sendmmsg):
      return option(socket, SO_TYPE) != SOCK_STREAM || (call.integer(3) & MSG_FASTOPEN) != 0;
    default: return false;
  }
}

}  // namespace

int install_filter() {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
  if (!filter) return -ENOMEM;
  int bad = seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
  bad |= seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree, not a list
  bad |= seccomp_attr_set(filter.get(), SCMP_FLTATR_API_SYSRAWRC, 1);  // errno as it is
  bad |= add_rules(filter.get());
  if (bad != 0) return reason_of(-EINVAL);
  if (const int error = seccomp_load(filter.get()); error < 0) return reason_of(error);
  return seccomp_notify_fd(filter.get());
}

bool leads_out(const Call& call, int socket) {
  const int domain = option(socket, SO_DOMAIN);
  const bool inside = domain < 0 || domain == AF_UNIX || domain == AF_NETLINK || domain == AF_ALG;
  return !inside && may_name_an_address(call, socket);
}

}  // namespace lastack::run
