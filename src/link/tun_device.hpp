// What TUN and TAP devices have in common: a descriptor whose other end is this machine's kernel.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "base/buffer.hpp"
#include "link/link.hpp"
#include "wire/address.hpp"

namespace lastack::link {

struct TunOptions {
  std::string name;  ///< at most 15 characters; made if it does not exist
  std::uint16_t mtu = 1500;
  bool offload = true;  ///< super-segments and checksums left to the kernel (IFF_VNET_HDR)
  /// One of several queues of the device: each open() adds one. The kernel puts a flow where
  /// packets of it were last written, or by its hash where it knows of none, and forgets after
  /// three idle seconds and beyond 4096 flows.
  bool multi_queue = false;
};

/// What went wrong, in words for a person, and errno.
struct TunError {
  std::string what;  ///< "make TUN device la0"
  int error = 0;
};

/// What went through so far, in packets.
struct TunTally {
  std::uint64_t sent = 0;
  std::uint64_t refused = 0;  ///< by the kernel: its queue is full, or the device is down
  std::uint64_t received = 0;
  std::uint64_t runts = 0;         ///< of them, those without a packet in them
  std::uint64_t bad_checksum = 0;  ///< of them, those that the host never saw
};

/// The device goes when this does, unless root had prepared it.
class TunDevice : public Link {
 public:
  ~TunDevice() override;

  /// Gives the kernel's end an address and its network; one that it has already is fine. Needs
  /// CAP_NET_ADMIN, as the next one does, which brings the device up with room for bursts.
  [[nodiscard]] std::expected<void, TunError> give_address(const wire::Prefix& address);
  [[nodiscard]] std::expected<void, TunError> bring_up();
  /// Whether the kernel uses the IPv6 addresses that it has on the device. It takes a moment, also
  /// where nobody is asked whether they are free (RFC 4862 §5.4); before, it sends from others.
  [[nodiscard]] bool kernel_is_settled() const;

  /// To be polled for input.
  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// Whether the kernel cuts super-segments and finishes checksums here.
  [[nodiscard]] bool offloads() const { return offload_; }
  /// False once the device was deleted under us.
  [[nodiscard]] bool alive() const { return alive_; }
  [[nodiscard]] const TunTally& tally() const { return tally_; }

  void send(const PacketRef& packet, TimePoint now) override;
  void pass_on(Packet packet, TimePoint now) override;
  std::size_t receive(std::vector<Packet>& into, TimePoint now) override;
  [[nodiscard]] std::uint16_t mtu() const override { return mtu_; }
  [[nodiscard]] bool takes_super_segments() const override { return offload_; }

 protected:
  /// Whether the device carries IP packets, or frames around them.
  enum class Mode : std::uint8_t { tun, tap };

  [[nodiscard]] static std::expected<int, TunError> open_device(const TunOptions& options,
                                                                Mode mode);
  /// Takes the descriptor over.
  TunDevice(int descriptor, const TunOptions& options, Mode mode);

 private:
  bool receive_one(std::vector<Packet>& into, TimePoint now);

  int descriptor_;
  int control_;  ///< any socket: what interface ioctls go through
  std::string name_;
  std::size_t frame_header_;  ///< octets before the IP packet
  std::uint16_t mtu_;
  bool offload_;
  bool alive_ = true;
  TunTally tally_;
  Slice spare_;  ///< where the next packet is read to
  BufferPool pool_;
};

}  // namespace lastack::link
