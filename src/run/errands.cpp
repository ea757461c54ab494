#include "run/errands.hpp"

#include <pthread.h>

#include <csignal>
#include <system_error>
#include <utility>

namespace lastack::run {

Errands::~Errands() {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  news_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Errands::close(OwnedFd descriptor) {
  if (!begin()) return;
  bool wake = false;
  {
    const std::scoped_lock lock(mutex_);
    if (waiting_.size() >= kMost) return;
    waiting_.push_back(std::move(descriptor));
    wake = std::exchange(asleep_, false);
  }
  if (wake) news_.notify_one();
}

void Errands::finish() {
  std::vector<OwnedFd> taken;
  std::unique_lock lock(mutex_);
  taken.swap(waiting_);
  done_.wait(lock, [this] { return !at_work_; });
}

/// False where there is no second thread. Signals are the first one's.
bool Errands::begin() {
  if (alone_ || thread_.joinable()) return !alone_;
  alone_ = std::thread::hardware_concurrency() < 2;
  if (alone_) return false;
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    alone_ = true;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return !alone_;
}

void Errands::run() {
  std::vector<OwnedFd> taken;
  std::unique_lock lock(mutex_);
  while (!ended_ || !waiting_.empty()) {
    if (waiting_.empty()) {
      asleep_ = true;
      news_.wait(lock);
      continue;
    }
    taken.swap(waiting_);
    at_work_ = true;
    lock.unlock();
    taken.clear();
    lock.lock();
    at_work_ = false;
    done_.notify_one();
    lock.unlock();
    std::this_thread::sleep_for(kNap);
    lock.lock();
  }
}

}  // namespace lastack::run
