#include "link/tun_device.hpp"

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
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include "wire/ethernet.hpp"
#include "wire/ip.hpp"
#include "wire/tcp.hpp"
#include "wire/udp.hpp"

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

constexpr std::size_t kLargest = 65535 + wire::kEthernetHeader + sizeof(VnetHeader);
constexpr std::size_t kSmall = 2048;  // a packet up to here moves into a block of its own
constexpr std::size_t kBatch = 64;    // packets read before the host gets its turn
// Or octets: one super-segment. What the user reads then is still in the caches, and the block that
// it lies in is used again before others have taken its place there.
constexpr std::size_t kBatchOctets = 60'000;
constexpr std::size_t kMostPieces = 64;
constexpr int kQueue =
    8192;  // packets that may wait for us; the kernel's own 500 are a burst of few

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

/// The right checksum is our business where the kernel did not say that it is its own. The packet
/// begins behind `frame_header` octets.
bool checksum_is_right(const VnetHeader& header, wire::Bytes frame, std::size_t frame_header) {
  if ((header.flags & (kNeedsChecksum | kDataValid)) != 0) return true;
  if (frame.size() < frame_header) return true;
  const auto ip = wire::parse_ip(frame.subspan(frame_header));
  if (!ip) return true;  // the host will see
  const auto& [h, payload] = *ip;
  if (h.protocol == wire::kProtocolUdp) {
    const auto udp = wire::parse_udp(payload);
    return !udp || wire::udp_sum_is_right(h.source, h.destination, *udp);
  }
  if (h.protocol != wire::kProtocolTcp) return true;
  return wire::tcp_sum(h.source, h.destination, payload).checksum() == 0;
}

/// The first octet of the IP header says which version it is of.
bool is_v4(const PacketRef& packet, std::size_t frame_header) {
  const wire::Bytes first = packet.header.empty() ? packet.payload[0].bytes() : packet.header;
  return frame_header < first.size() && std::to_integer<unsigned>(first[frame_header]) >> 4U == 4;
}

VnetHeader header_for(const PacketRef& packet, std::size_t frame_header) {
  VnetHeader header{};
  if (packet.checksum_partial) {
    header.flags = kNeedsChecksum;
    header.checksum_start = packet.tcp_at;
    header.checksum_offset = 16;
  }
  if (packet.segment_size > 0) {
    header.gso_type = is_v4(packet, frame_header) ? kGsoTcpV4 : kGsoTcpV6;
    header.gso_size = packet.segment_size;
    header.header_length = static_cast<std::uint16_t>(packet.header.size());
  }
  return header;
}

iovec piece(const void* data, std::size_t size) { return {const_cast<void*>(data), size}; }

}  // namespace

TunDevice::TunDevice(int descriptor, const TunOptions& options, Mode mode)
    : descriptor_(descriptor),
      control_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
      name_(options.name),
      frame_header_(mode == Mode::tap ? wire::kEthernetHeader : 0),
      mtu_(options.mtu),
      offload_(options.offload) {}

TunDevice::~TunDevice() {
  ::close(descriptor_);
  ::close(control_);
}

std::expected<int, TunError> TunDevice::open_device(const TunOptions& options, Mode mode) {
  const std::string device = (mode == Mode::tap ? "TAP device " : "TUN device ") + options.name;
  if (options.name.empty() || options.name.size() >= IFNAMSIZ) {
    errno = EINVAL;
    return std::unexpected(failed("make " + device));
  }
  const int fd = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return std::unexpected(failed("open /dev/net/tun"));
  ifreq request = request_for(options.name);
  request.ifr_flags = static_cast<short>((mode == Mode::tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI |
                                         (options.offload ? IFF_VNET_HDR : 0) |
                                         (options.multi_queue ? IFF_MULTI_QUEUE : 0));
  bool made = ::ioctl(fd, TUNSETIFF, &request) == 0;
  if (!made && errno == EINVAL &&
      !options.multi_queue) {  // root has made it with several queues: this is one of them
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_MULTI_QUEUE);
    made = ::ioctl(fd, TUNSETIFF, &request) == 0;
  }
  if (!made) {
    const TunError error = failed("make " + device);
    ::close(fd);
    return std::unexpected(error);
  }
  // Who has it open already has chosen whether there are headers of offloads: the flags that were
  // asked for change nothing then.
  const bool headers = ::ioctl(fd, TUNGETIFF, &request) == 0
                           ? (request.ifr_flags & IFF_VNET_HDR) != 0
                           : options.offload;
  if (headers != options.offload) {
    ::close(fd);
    return std::unexpected(TunError{
        "use " + device + (options.offload ? " with offloads" : " without offloads"), EOPNOTSUPP});
  }
  const unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
  if (options.offload && ::ioctl(fd, TUNSETOFFLOAD, offloads) < 0) {
    const TunError error = failed("set offloads of " + device);
    ::close(fd);
    return std::unexpected(error);
  }
  return fd;
}

std::expected<void, TunError> TunDevice::give_address(const wire::Prefix& address) {
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
  if (result < 0 && error.error != EEXIST) return std::unexpected(error);
  return {};
}

/// Lines of if_inet6: address, index, prefix length, scope, flags, in hexadecimal, and the name.
bool TunDevice::kernel_is_settled() const {
  constexpr unsigned kTentative = 0x40;  // IFA_F_TENTATIVE
  constexpr unsigned kDuplicate = 0x08;  // IFA_F_DADFAILED: it is not going to be used
  std::ifstream lines("/proc/net/if_inet6");
  std::string address, index, length, scope, flags, name;
  while (lines >> address >> index >> length >> scope >> flags >> name) {
    const unsigned set = static_cast<unsigned>(std::strtoul(flags.c_str(), nullptr, 16));
    if (name == name_ && (set & (kTentative | kDuplicate)) == kTentative) return false;
  }
  return true;
}

std::expected<void, TunError> TunDevice::bring_up() {
  ifreq request = request_for(name_);
  request.ifr_mtu = mtu_;
  if (::ioctl(control_, SIOCSIFMTU, &request) < 0) {
    return std::unexpected(failed("set the MTU of " + name_));
  }
  if (::ioctl(control_, SIOCGIFTXQLEN, &request) == 0 && request.ifr_qlen < kQueue) {
    request.ifr_qlen = kQueue;
    // The root of a user namespace may not: then the kernel drops more where many send at once.
    (void)::ioctl(control_, SIOCSIFTXQLEN, &request);
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
void TunDevice::send(const PacketRef& packet, TimePoint) {
  VnetHeader header = header_for(packet, frame_header_);
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
  if (::writev(descriptor_, pieces.data(), static_cast<int>(count)) >= 0) {
    ++tally_.sent;
    return;
  }
  ++tally_.refused;
  if (errno == EBADFD) alive_ = false;
}

void TunDevice::pass_on(Packet packet, TimePoint now) {
  send({.header = {}, .payload = {&packet.octets, 1}, .segment_size = packet.segment_size}, now);
}

std::size_t TunDevice::receive(std::vector<Packet>& into, TimePoint now) {
  const std::size_t before = into.size();
  std::size_t octets = 0;
  while (into.size() - before < kBatch && octets < kBatchOctets && receive_one(into, now)) {
    if (into.size() > before) octets += into.back().octets.size();
  }
  return into.size() - before;
}

/// Reads into a block that takes any packet; a small one moves to a block of its size, and the
/// large one is used again.
bool TunDevice::receive_one(std::vector<Packet>& into, TimePoint now) {
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
  ++tally_.received;
  if (size <= prefix) {
    ++tally_.runts;
    return true;
  }
  if (offload_) std::memcpy(&header, room.data(), sizeof header);
  const auto packet = room.subspan(prefix, size - prefix);
  if (offload_ && !checksum_is_right(header, packet, frame_header_)) {  // else the host verifies
    ++tally_.bad_checksum;
    return true;
  }
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
