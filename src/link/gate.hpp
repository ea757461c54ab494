// A link that asks before it lets a connection begin.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "link/link.hpp"
#include "wire/address.hpp"

namespace lastack::link {

/// Who wants a connection with whom: the ends of a SYN.
struct Knock {
  Endpoint from, to;
  friend auto operator<=>(const Knock&, const Knock&) = default;
};

/// A SYN that comes (RFC 9293 §3.5) can be kept while whoever guards the gate finds out whether
/// there is somebody to connect to: for its sender it is on its way. All else passes.
class Gate final : public Wrapper {
 public:
  enum class Answer : std::uint8_t { passes, is_kept, is_lost };
  using Wrapper::Wrapper;

  /// Asked of each SYN that is not kept already. All pass where this is empty.
  std::function<Answer(const Knock&, TimePoint now)> knocked;

  /// It comes with the next packets. False where none is kept.
  bool let_in(const Knock& knock);
  /// It is lost; sent again it is asked about again. False where none is kept.
  bool lose(const Knock& knock);
  [[nodiscard]] std::size_t kept() const { return kept_.size(); }

  void send(const PacketRef& packet, TimePoint now) override { inner().send(packet, now); }
  std::size_t receive(std::vector<Packet>& into, TimePoint now) override;
  [[nodiscard]] TimePoint next_deadline() const override;

 private:
  [[nodiscard]] bool held_back(Packet& packet, TimePoint now);

  std::map<Knock, Packet> kept_;
  std::vector<Packet> let_in_;
};

}  // namespace lastack::link
