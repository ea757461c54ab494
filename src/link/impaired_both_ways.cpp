#include "link/impaired_both_ways.hpp"

#include <algorithm>

namespace lastack::link {

ImpairedBothWays::ImpairedBothWays(Link& inner, const Impairment& impairment, std::uint64_t seed)
    : Wrapper(inner),
      out_(inner, impairment, Random(seed)),
      arrived_(inner.mtu()),
      in_(arrived_.end(0), impairment, Random(~seed)) {}

std::size_t ImpairedBothWays::receive(std::vector<Packet>& into, TimePoint now) {
  batch_.clear();
  inner().receive(batch_, now);
  for (Packet& packet : batch_) in_.pass_on(std::move(packet), now);
  batch_.clear();
  in_.advance(now);
  return arrived_.end(1).receive(into, now);
}

TimePoint ImpairedBothWays::next_deadline() const {
  return std::min({out_.next_deadline(), in_.next_deadline(), arrived_.end(1).next_deadline()});
}

void ImpairedBothWays::advance(TimePoint now) {
  out_.advance(now);
  in_.advance(now);
}

}  // namespace lastack::link
