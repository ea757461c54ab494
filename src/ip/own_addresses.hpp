// The addresses of a host on a link: asked for before they are used, defended, and given up in
// time (RFC 5227 for IPv4, RFC 4862 for IPv6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/ring.hpp"
#include "base/time.hpp"
#include "ip/source_address.hpp"
#include "wire/address.hpp"
#include "wire/mac_address.hpp"
#include "wire/ndp.hpp"

namespace lastack::ip {

using wire::IpAddress;
using wire::MacAddress;
using wire::Prefix;

enum class AddressState : std::uint8_t {
  tentative,   ///< being asked for: neither used nor answered for
  preferred,   ///< ours
  deprecated,  ///< ours, but nothing new begins with it
  duplicate,   ///< somebody else had it: not ours
};
inline constexpr std::size_t kAddressStateCount = 4;
[[nodiscard]] std::string_view to_string(AddressState state);

enum class AddressOrigin : std::uint8_t {
  configured,  ///< told by whoever made the host
  link_local,  ///< made here, for this link alone
  advertised,  ///< made here, for a prefix that a router advertised
};
[[nodiscard]] std::string_view to_string(AddressOrigin origin);

struct OwnAddress {
  Prefix prefix;  ///< the address, and the network it is on
  AddressState state = AddressState::tentative;
  AddressOrigin origin = AddressOrigin::configured;
  TimePoint preferred_until{kNever};
  TimePoint valid_until{kNever};
  MacAddress rival;             ///< who else last claimed it; nobody where none did
  TimePoint defended{};         ///< when we last said against that
  std::uint8_t probes = 0;      ///< sent for it
  std::uint8_t announced = 0;   ///< announcements sent
  std::uint8_t attempt = 0;     ///< interface identifiers that others had before this one
  wire::Nonce nonce = 0;        ///< of the last probe
  TimePoint next_step{kNever};  ///< of asking and announcing

  [[nodiscard]] bool usable() const {
    return state == AddressState::preferred || state == AddressState::deprecated;
  }
  friend bool operator==(const OwnAddress&, const OwnAddress&) = default;
};

/// What is to be done, or has happened, about an address of ours.
struct AddressNews {
  enum class Kind : std::uint8_t {
    probe,      ///< ask whether somebody has it, under `nonce`
    announce,   ///< tell all that it is ours, now that nobody spoke against it
    defend,     ///< say again that it is ours, against somebody who spoke
    usable,     ///< nobody had it, or it is preferred again
    duplicate,  ///< `mac` has it
    conflict,   ///< `mac` uses it beside us
    gone,       ///< its lifetime is over, or another one has taken its place
  };
  Kind kind = Kind::probe;
  IpAddress address;
  MacAddress mac;
  wire::Nonce nonce = 0;
};

/// How interface identifiers are made: by RFC 7217 under a key, else from the MAC address.
struct Identity {
  MacAddress mac;
  std::optional<HashKey> key;
};

/// A value: time is handed in, what is to be sent is pulled out.
class OwnAddresses {
 public:
  static constexpr std::size_t kMostAdvertised = 8;  ///< addresses that routers make us take

  OwnAddresses(const Identity& identity, Random random);

  /// Begins to ask for an address. Without `ask` it is ours at once.
  void add(const Prefix& prefix, AddressOrigin origin, bool ask, TimePoint now);
  void add_link_local(bool ask, TimePoint now);
  /// A router says that hosts may make themselves an address under `prefix` (RFC 4862 §5.5.3).
  /// False where there is no room for another.
  bool advertised(const Prefix& prefix, Duration valid, Duration preferred, TimePoint now);
  /// Somebody else uses `address`, or asks for it as we do.
  void conflict(const IpAddress& address, const MacAddress& rival, TimePoint now);

  void advance(TimePoint now);
  [[nodiscard]] TimePoint next_deadline() const;
  std::optional<AddressNews> next_news();

  [[nodiscard]] const OwnAddress* find(const IpAddress& address) const;
  /// Whether it is ours, or we ask for it.
  [[nodiscard]] bool claims(const IpAddress& address) const;
  [[nodiscard]] std::span<const OwnAddress> all() const { return addresses_; }
  [[nodiscard]] std::vector<UsableAddress> usable() const;
  /// The one that goes with fe80::/10; null while there is none that is usable.
  [[nodiscard]] const OwnAddress* link_local() const;

 private:
  void begin(OwnAddress address, bool ask, TimePoint now);
  void step(OwnAddress& a, TimePoint now);
  void is_ours(OwnAddress& a, TimePoint now);
  void duplicate(OwnAddress& a, TimePoint now);
  void defend(OwnAddress& a, TimePoint now);
  void age(OwnAddress& a, TimePoint now);
  void update(OwnAddress& a, Duration valid, Duration preferred, TimePoint now);
  [[nodiscard]] IpAddress made_for(const Prefix& prefix, std::uint8_t attempt) const;
  OwnAddress* get(const IpAddress& address);
  void tell(AddressNews::Kind kind, const OwnAddress& a);

  Identity identity_;
  Random random_;
  std::vector<OwnAddress> addresses_;
  Ring<AddressNews> news_;
};

}  // namespace lastack::ip
