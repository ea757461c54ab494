#include "link/tun.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "wire/ip.hpp"
#include "wire/tcp.hpp"

namespace lastack::link {
namespace {

/// struct virtio_net_hdr of linux/virtio_net.h, a header that is not C++.
struct VnetHeader {
  std::uint8_t flags = 0;
  std::uint8_t gso_type = 0;
  std::uint16_t header_length = 0;
  std::uint16_t gso_size = 0;
  std::uint16_t checksum_start = 0;
  std::uint16_t checksum_offset = 0;
};
static_assert(sizeof(VnetHeader) == 10);
constexpr std::uint8_t kNeedsChecksum = 1;
constexpr std::uint8_t kDataValid = 2;
constexpr std::uint8_t kGsoTcpV4 = 1;
constexpr std::uint8_t kGsoTcpV6 = 4;

constexpr std::size_t kLargest = 65535 + sizeof(VnetHeader);
constexpr std::size_t kSmall = 2048;  // a packet up to here moves into a block of its own
constexpr std::size_t kBatch = 64;    // packets read before the host gets its turn
constexpr std::size_t kMostPieces = 64;

/// linux/ipv6.h's, which can't stand beside netinet/in.h.
struct In6Ifreq {
  in6_addr address;
  std::uint32_t prefix_length;
  int interface_index;
};

ifreq request_for(const std::string& name) {
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), std::min<std::size_t>(name.size(), IFNAMSIZ - 1));
  return request;
}

TunError failed(std::string what) { return {std::move(what), errno}; }

sockaddr ipv4_sockaddr(wire::Bytes octets) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  std::memcpy(&in.sin_addr, octets.data(), 4);
  sockaddr out{};
  std::memcpy(&out, &in, sizeof in);
  return out;
}

/// The right checksum is our business where the kernel did not say that it is its own.
bool checksum_is_right(const VnetHeader& header, wire::Bytes packet) {
  if ((header.flags & (kNeedsChecksum | kDataValid)) != 0) return true;
  const auto ip = wire::parse_ip(packet);
  if (!ip || ip->header.protocol != wire::kProtocolTcp) return true;  // the host will see
  return wire::tcp_sum(ip->header.source, ip->header.destination, ip->payload).checksum() == 0;
}

VnetHeader header_for(const PacketRef& packet) {
  VnetHeader header{};
  if (packet.checksum_partial) {
    header.flags = kNeedsChecksum;
    header.checksum_start = packet.tcp_at;
    header.checksum_offset = 16;
  }
  if (packet.segment_size > 0) {
    const bool v4 = (std::to_integer<unsigned>(packet.header[0]) >> 4U) == 4;
    header.gso_type = v4 ? kGsoTcpV4 : kGsoTcpV6;
    header.gso_size = packet.segment_size;
    header.header_length = static_cast<std::uint16_t>(packet.header.size());
  }
  return header;
}

iovec piece(const void* data, std::size_t size) { return {const_cast<void*>(data), size}; }

}  // namespace

Tun::Tun(int descriptor, int control, const TunOptions& options)
    : descriptor_(descriptor),
      control_(control),
      name_(options.name),
      mtu_(options.mtu),
      offload_(options.offload) {}

Tun::~Tun() {
  ::close(descriptor_);
  ::close(control_);
}

std::expected<std::unique_ptr<Tun>, TunError> Tun::open(const TunOptions& options) {
  if (options.name.empty() || options.name.size() >= IFNAMSIZ) {
    errno = EINVAL;
    return std::unexpected(failed("make TUN device '" + options.name + "'"));
  }
  const int fd = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return std::unexpected(failed("open /dev/net/tun"));
  ifreq request = request_for(options.name);
  request.ifr_flags =
      static_cast<short>(IFF_TUN | IFF_NO_PI | (options.offload ? IFF_VNET_HDR : 0));
  if (::ioctl(fd, TUNSETIFF, &request) < 0) {
    const TunError error = failed("make TUN device " + options.name);
    ::close(fd);
    return std::unexpected(error);
  }
  const unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
  if (options.offload && ::ioctl(fd, TUNSETOFFLOAD, offloads) < 0) {
    const TunError error = failed("set offloads of TUN device " + options.name);
    ::close(fd);
    return std::unexpected(error);
  }
  const int control = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return std::unique_ptr<Tun>(new Tun(fd, control, options));
}

std::expected<void, TunError> Tun::give_address(const wire::Prefix& address) {
  const std::string what = "give " + address.address.to_string() + " to " + name_;
  if (address.address.is_v4()) {
    ifreq request = request_for(name_);
    request.ifr_addr = ipv4_sockaddr(address.address.bytes());
    if (::ioctl(control_, SIOCSIFADDR, &request) < 0) return std::unexpected(failed(what));
    const std::uint32_t mask = address.length == 0 ? 0 : ~0U << (32U - address.length);
    std::array<std::byte, 4> octets{};
    wire::Writer(octets).u32(mask);
    request.ifr_netmask = ipv4_sockaddr(octets);
    if (::ioctl(control_, SIOCSIFNETMASK, &request) < 0) return std::unexpected(failed(what));
    return {};
  }
  ifreq request = request_for(name_);
  if (::ioctl(control_, SIOCGIFINDEX, &request) < 0) return std::unexpected(failed(what));
  In6Ifreq six{};
  std::memcpy(&six.address, address.address.bytes().data(), 16);
  six.prefix_length = address.length;
  six.interface_index = request.ifr_ifindex;
  const int control6 = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (control6 < 0) return std::unexpected(failed(what));
  const int result = ::ioctl(control6, SIOCSIFADDR, &six);
  const TunError error = failed(what);
  ::close(control6);
  if (result < 0) return std::unexpected(error);
  return {};
}

std::expected<void, TunError> Tun::bring_up() {
  ifreq request = request_for(name_);
  request.ifr_mtu = mtu_;
  if (::ioctl(control_, SIOCSIFMTU, &request) < 0) {
    return std::unexpected(failed("set the MTU of " + name_));
  }
  if (::ioctl(control_, SIOCGIFFLAGS, &request) < 0) {
    return std::unexpected(failed("read the flags of " + name_));
  }
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | IFF_RUNNING);
  if (::ioctl(control_, SIOCSIFFLAGS, &request) < 0) {
    return std::unexpected(failed("bring up " + name_));
  }
  return {};
}

/// Written in one piece by the kernel, from where the octets lie. A full queue drops, as any link.
void Tun::send(const PacketRef& packet, TimePoint) {
  VnetHeader header = header_for(packet);
  std::array<iovec, kMostPieces + 2> pieces{};
  std::size_t count = 0;
  if (offload_) pieces[count++] = piece(&header, sizeof header);
  if (!packet.header.empty()) pieces[count++] = piece(packet.header.data(), packet.header.size());
  Slice joined;
  if (packet.payload.size() > kMostPieces) {
    joined = copy_of(PacketRef{.header = {}, .payload = packet.payload}, {}).octets;
    pieces[count++] = piece(joined.bytes().data(), joined.size());
  } else {
    for (const Slice& part : packet.payload) {
      pieces[count++] = piece(part.bytes().data(), part.size());
    }
  }
  if (::writev(descriptor_, pieces.data(), static_cast<int>(count)) < 0 && errno == EBADFD) {
    alive_ = false;
  }
}

void Tun::pass_on(Packet packet, TimePoint now) {
  send({.header = {}, .payload = {&packet.octets, 1}, .segment_size = packet.segment_size}, now);
}

std::size_t Tun::receive(std::vector<Packet>& into, TimePoint now) {
  const std::size_t before = into.size();
  while (into.size() - before < kBatch && receive_one(into, now)) {
  }
  return into.size() - before;
}

/// Reads into a block that takes any packet; a small one moves to a block of its size, and the
/// large one is used again.
bool Tun::receive_one(std::vector<Packet>& into, TimePoint now) {
  if (spare_.tail_room().size() < kLargest) spare_ = Slice::allocate(kLargest, &pool_);
  const auto room = spare_.tail_room();
  const ssize_t n = ::read(descriptor_, room.data(), room.size());
  if (n <= 0) {
    if (n < 0 && (errno == EBADFD || errno == EIO)) alive_ = false;
    return false;
  }
  VnetHeader header{};
  const std::size_t prefix = offload_ ? sizeof header : 0;
  const auto size = static_cast<std::size_t>(n);
  if (size <= prefix) return true;
  if (offload_) std::memcpy(&header, room.data(), sizeof header);
  const auto packet = room.subspan(prefix, size - prefix);
  if (!checksum_is_right(header, packet)) return true;
  Slice octets;
  if (packet.size() <= kSmall) {
    octets = Slice::copy_of(packet, &pool_);
  } else {
    spare_.grow(size);
    octets = std::exchange(spare_, {}).sub(prefix, size - prefix);
  }
  into.push_back({.octets = std::move(octets), .at = now, .segment_size = header.gso_size});
  return true;
}

}  // namespace lastack::link
