// Memory of just the size that is asked for.
#pragma once

#include <cstddef>
#include <memory>

#include "wire/bytes.hpp"

namespace lastack::fuzz {

/// Room of just that size, so that the octet behind it is out of bounds.
class Room {
 public:
  explicit Room(std::size_t size) : octets_(new std::byte[size]), size_(size) {}
  [[nodiscard]] wire::MutableBytes bytes() { return {octets_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> octets_;
  std::size_t size_;
};

}  // namespace lastack::fuzz
