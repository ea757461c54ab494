#include "run/notifier.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <utility>

namespace lastack::run {
namespace {

// Linux 6.6, newer than the headers: who is answered goes on at once on the answerer's processor.
constexpr std::uint64_t kSyncWakeUp = 1;
constexpr unsigned long kSetFlags = SECCOMP_IOW(4, std::uint64_t);

}  // namespace

Notifier::Notifier(OwnedFd listener)
    : listener_(std::move(listener)),
      // where many calls are answered one after another it takes a quarter of the time away
      wakes_at_once_(::ioctl(listener_.get(), kSetFlags, kSyncWakeUp) == 0) {}

int Notifier::try_giving() const {
  const int number = give({}, listener_.get(), true);  // a call that there is not
  return number == -ENOENT ? 0 : -number;
}

/// The kernel counts calls, and takes one off here: those that were told of and are gone, too. So
/// with one that was told of it does not wait.
std::optional<Call> Notifier::next() const {
  seccomp_notif told{};
  if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &told) != 0) return std::nullopt;
  Call call{.id = told.id, .thread = static_cast<pid_t>(told.pid), .number = told.data.nr};
  for (std::size_t i = 0; i < call.arguments.size(); ++i) {
    call.arguments[i] = told.data.args[i];
  }
  return call;
}

bool Notifier::waits(const Call& call) const {
  std::uint64_t id = call.id;
  return ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

bool Notifier::answer(const Call& call, std::int64_t value) const {
  seccomp_notif_resp answer{};
  answer.id = call.id;
  if (value < 0) {
    answer.error = static_cast<std::int32_t>(value);
  } else {
    answer.val = value;
  }
  return ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0;
}

bool Notifier::pass(const Call& call) const {
  seccomp_notif_resp answer{};
  answer.id = call.id;
  answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  return ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0;
}

int Notifier::give(const Call& call, int ours, bool close_on_exec) const {
  seccomp_notif_addfd given{};
  given.id = call.id;
  given.flags = SECCOMP_ADDFD_FLAG_SEND;
  given.srcfd = static_cast<std::uint32_t>(ours);
  given.newfd_flags = close_on_exec ? O_CLOEXEC : 0;
  return handed(given);
}

int Notifier::replace(const Call& call, int ours, int theirs, bool close_on_exec) const {
  seccomp_notif_addfd given{};
  given.id = call.id;
  given.flags = SECCOMP_ADDFD_FLAG_SETFD;
  given.srcfd = static_cast<std::uint32_t>(ours);
  given.newfd = static_cast<std::uint32_t>(theirs);
  given.newfd_flags = close_on_exec ? O_CLOEXEC : 0;
  return handed(given);
}

int Notifier::handed(seccomp_notif_addfd& given) const {
  const int number = ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &given);
  if (number >= 0) return number;
  return errno == ESRCH ? -ENOENT : -errno;  // a signal came while it was handed over
}

}  // namespace lastack::run
