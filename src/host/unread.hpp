// How much lies in all receive buffers together, kept as they change.
#pragma once

#include <cstddef>

#include "tcp/stream/receive_buffer.hpp"

namespace lastack::host {

/// Stands around what changes a receive buffer, and takes the change over to `total` at its end.
class CountsUnread {
 public:
  CountsUnread(std::size_t& total, const tcp::ReceiveBuffer& in)
      : total_(total), in_(in), before_(in.held()) {}
  CountsUnread(const CountsUnread&) = delete;
  CountsUnread& operator=(const CountsUnread&) = delete;
  ~CountsUnread() { total_ += in_.held() - before_; }

 private:
  std::size_t& total_;
  const tcp::ReceiveBuffer& in_;
  std::size_t before_;
};

}  // namespace lastack::host
