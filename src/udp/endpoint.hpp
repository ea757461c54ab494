// What ONE UDP endpoint is: whom it talks to, the datagrams that wait to be read, and what has been
// reported of those it has sent. A value: no socket, no wire, no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "base/buffer.hpp"
#include "base/ring.hpp"
#include "wire/address.hpp"

namespace lastack::udp {

/// Why a call came to nothing.
enum class Error : std::uint8_t {
  none,
  would_block,     ///< nothing to read, or no room to send
  refused,         ///< ICMP: the host is there, and nobody at that port (hard)
  prohibited,      ///< ICMP: there is no use in trying on (hard, as the next three)
  net_prohibited,  ///< ... with the whole network
  no_protocol,     ///< ICMP: nobody speaks UDP there
  not_allowed,     ///< ICMPv6: a policy forbids it
  unreachable,     ///< ICMP: it may pass (soft)
  too_big,         ///< ICMP: the path takes less; the next one is cut to what it takes
  too_long,        ///< more octets than a datagram can have
  no_destination,  ///< no receiver was named, and the endpoint is not connected
  bad_address,     ///< a broadcast or multicast address
  no_route,        ///< no address of ours has the receiver's family, or can be sent from
  not_open,        ///< the endpoint was closed
};
inline constexpr std::size_t kErrorCount = 14;
[[nodiscard]] std::string_view to_string(Error error);

/// One that came.
struct Datagram {
  lastack::Endpoint from;
  IpAddress to;   ///< the address of ours that it went to: an answer goes out from there
  Slice payload;  ///< 0 to 65527 octets
  friend bool operator==(const Datagram&, const Datagram&) = default;
};

/// What ICMP has said about a datagram of ours (RFC 1122 §4.1.3.3).
struct Report {
  Error error = Error::none;  ///< one of ICMP's
  lastack::Endpoint about;    ///< the receiver it did not reach
  std::uint16_t mtu = 0;      ///< of too_big: octets of a packet that the path takes
  friend bool operator==(const Report&, const Report&) = default;
};

class UdpEndpoint {
 public:
  /// Octets of memory that datagrams may keep while nobody reads them: what Linux allows.
  static constexpr std::size_t kReceiveBuffer = 212992;
  /// What a waiting datagram costs besides its octets.
  static constexpr std::size_t kOverhead = sizeof(Datagram);

  UdpEndpoint() = default;
  explicit UdpEndpoint(const lastack::Endpoint& local, std::size_t receive_buffer = kReceiveBuffer)
      : bound_(local), local_(local), receive_buffer_(receive_buffer) {}

  /// Where it was bound to, until connect() has chosen an address; that one afterwards.
  [[nodiscard]] const lastack::Endpoint& local() const { return local_; }
  [[nodiscard]] const lastack::Endpoint& remote() const { return remote_; }
  [[nodiscard]] bool connected() const { return connected_; }
  /// From now on `remote` alone is heard, at `local`. Datagrams that have come before stay,
  /// and so does an error that is due.
  void connect(const lastack::Endpoint& local, const lastack::Endpoint& remote);
  /// Hears everybody again, where it was bound to.
  void disconnect();
  /// What waits to be read, and the error that is due, are those of `other`, which has neither
  /// then.
  void take_over(UdpEndpoint& other);

  /// False where its queue is full: the datagram is dropped. Whether it is for this endpoint was
  /// for the caller to see.
  bool datagram_arrives(Datagram datagram);
  /// The oldest datagram; or why there is none: a hard error of a connected endpoint (told once,
  /// and before what waits), would_block.
  std::expected<Datagram, Error> receive();
  /// The oldest datagram, which stays; null where there is none.
  [[nodiscard]] const Datagram* front() const { return queue_.empty() ? nullptr : &queue_.front(); }
  [[nodiscard]] Error error() const { return error_; }
  /// The error that the next call would tell, and tells no more; none where there is none.
  Error take_error();

  /// What ICMP says. A hard error and too_big are told to the user of a connected endpoint by the
  /// next call; anything else only to who asks last_report(), since datagrams to others go on.
  /// True where a call has something new to tell.
  bool icmp_arrives(const Report& report);
  [[nodiscard]] const std::optional<Report>& last_report() const { return report_; }

  /// receive() has something to say.
  [[nodiscard]] bool readable() const { return !queue_.empty() || error_ != Error::none; }
  [[nodiscard]] std::size_t waiting() const { return queue_.size(); }
  /// Octets of memory that those keep.
  [[nodiscard]] std::size_t held() const { return held_; }
  [[nodiscard]] std::size_t receive_buffer() const { return receive_buffer_; }
  /// Less than what is held already drops what comes, until enough was read.
  void set_receive_buffer(std::size_t octets) { receive_buffer_ = octets; }

  friend bool operator==(const UdpEndpoint& a, const UdpEndpoint& b);

 private:
  [[nodiscard]] static std::size_t cost_of(const Datagram& datagram) {
    return kOverhead + datagram.payload.pinned();
  }

  lastack::Endpoint bound_;
  lastack::Endpoint local_;
  lastack::Endpoint remote_;
  bool connected_ = false;
  Error error_ = Error::none;
  std::optional<Report> report_;
  Ring<Datagram> queue_;
  std::size_t held_ = 0;
  std::size_t receive_buffer_ = kReceiveBuffer;
};

}  // namespace lastack::udp
