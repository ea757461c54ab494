#include "udp/endpoint.hpp"

#include <array>
#include <tuple>
#include <utility>

namespace lastack::udp {

std::string_view to_string(Error error) {
  static constexpr std::array<std::string_view, kErrorCount> kNames{
      "none",           "would_block", "refused",     "prohibited", "net_prohibited",
      "no_protocol",    "not_allowed", "unreachable", "too_big",    "too_long",
      "no_destination", "bad_address", "no_route",    "not_open"};
  return kNames[static_cast<std::size_t>(error)];
}

void UdpEndpoint::connect(const lastack::Endpoint& local, const lastack::Endpoint& remote) {
  local_ = local;
  remote_ = remote;
  connected_ = true;
}

void UdpEndpoint::disconnect() {
  local_ = bound_;
  remote_ = {};
  connected_ = false;
}

void UdpEndpoint::take_over(UdpEndpoint& other) {
  error_ = std::exchange(other.error_, Error::none);
  report_ = std::exchange(other.report_, std::nullopt);
  queue_ = std::exchange(other.queue_, {});
  held_ = std::exchange(other.held_, 0);
}

/// An empty queue takes any: a buffer smaller than one datagram must not close it for ever.
bool UdpEndpoint::datagram_arrives(Datagram datagram) {
  const std::size_t cost = cost_of(datagram);
  if (!queue_.empty() && held_ + cost > receive_buffer_) return false;
  held_ += cost;
  queue_.push_back(std::move(datagram));
  return true;
}

std::expected<Datagram, Error> UdpEndpoint::receive() {
  if (error_ != Error::none) return std::unexpected(take_error());
  if (queue_.empty()) return std::unexpected(Error::would_block);
  Datagram datagram = queue_.pop_front();
  held_ -= cost_of(datagram);
  return datagram;
}

Error UdpEndpoint::take_error() { return std::exchange(error_, Error::none); }

bool UdpEndpoint::icmp_arrives(const Report& report) {
  report_ = report;
  if (!connected_ || report.error == Error::unreachable) return false;
  error_ = report.error;
  return true;
}

bool operator==(const UdpEndpoint& a, const UdpEndpoint& b) {
  const auto plain = [](const UdpEndpoint& e) {
    return std::tie(e.bound_, e.local_, e.remote_, e.connected_, e.error_, e.report_, e.held_,
                    e.receive_buffer_);
  };
  if (plain(a) != plain(b) || a.queue_.size() != b.queue_.size()) return false;
  for (std::size_t i = 0; i < a.queue_.size(); ++i) {
    if (!(a.queue_[i] == b.queue_[i])) return false;
  }
  return true;
}

}  // namespace lastack::udp
