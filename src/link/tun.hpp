// A TUN device: packets to and from this machine's kernel.
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
};

/// What went wrong, in words for a person, and errno.
struct TunError {
  std::string what;  ///< "make TUN device la0"
  int error = 0;
};

/// The device goes when this does, unless root had prepared it.
class Tun final : public Link {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<Tun>, TunError> open(
      const TunOptions& options);
  ~Tun() override;

  /// Gives the kernel's end an address and its network, and brings the device up. Needs
  /// CAP_NET_ADMIN.
  [[nodiscard]] std::expected<void, TunError> give_address(const wire::Prefix& address);
  [[nodiscard]] std::expected<void, TunError> bring_up();

  /// To be polled for input.
  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// Whether the kernel cuts super-segments and finishes checksums here.
  [[nodiscard]] bool offloads() const { return offload_; }
  /// False once the device was deleted under us.
  [[nodiscard]] bool alive() const { return alive_; }

  void send(const PacketRef& packet, TimePoint now) override;
  void pass_on(Packet packet, TimePoint now) override;
  std::size_t receive(std::vector<Packet>& into, TimePoint now) override;
  [[nodiscard]] std::uint16_t mtu() const override { return mtu_; }

 private:
  Tun(int descriptor, int control, const TunOptions& options);
  bool receive_one(std::vector<Packet>& into, TimePoint now);

  int descriptor_;
  int control_;  ///< any socket: what interface ioctls go through
  std::string name_;
  std::uint16_t mtu_;
  bool offload_;
  bool alive_ = true;
  Slice spare_;  ///< where the next packet is read to
  BufferPool pool_;
};

}  // namespace lastack::link
