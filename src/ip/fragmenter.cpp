#include "ip/fragmenter.hpp"

#include <algorithm>
#include <cassert>

namespace lastack::ip {
Fragmenter::Fragmenter(const wire::IpHeader& header, std::uint32_t identification,
                       std::size_t payload, std::size_t mtu)
    : header_(header), identification_(identification), payload_(payload) {
  const std::size_t front = wire::fragment_header_size(header.source.family());
  assert(mtu >= front + wire::kFragmentUnit);
  most_ = (mtu - front) / wire::kFragmentUnit * wire::kFragmentUnit;
}

Fragmenter::Piece Fragmenter::next(wire::MutableBytes header) {
  assert(!done());
  Piece piece{.at = at_, .size = std::min(most_, payload_ - at_)};
  at_ += piece.size;
  const wire::FragmentField field{.identification = identification_,
                                  .offset = static_cast<std::uint16_t>(piece.at),
                                  .more = !done()};
  piece.header_size = wire::emit_fragment_header(header_, field, piece.size, header);
  return piece;
}

}  // namespace lastack::ip
