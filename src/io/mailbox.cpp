#include "io/mailbox.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

namespace lastack::io {

Mailbox::Mailbox(EventLoop& loop)
    : loop_(loop), descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  loop_.add(descriptor_, [this] { do_all(); });
}

Mailbox::~Mailbox() {
  loop_.remove(descriptor_);
  ::close(descriptor_);
}

bool Mailbox::post(std::function<void()> work) {
  const std::scoped_lock lock(mutex_);
  if (closed_) return false;
  waiting_.push_back(std::move(work));
  ::eventfd_write(descriptor_, 1);
  return true;
}

void Mailbox::close() {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }
  do_all();
}

void Mailbox::do_all() {
  eventfd_t count = 0;
  ::eventfd_read(descriptor_, &count);
  std::vector<std::function<void()>> works;
  {
    const std::scoped_lock lock(mutex_);
    works.swap(waiting_);
  }
  for (const auto& work : works) work();
}

}  // namespace lastack::io
