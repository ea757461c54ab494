// The public face: Stack, Socket and Listener over Host and Sockets.
#include "lastack/stack.hpp"

#include <algorithm>
#include <utility>

#include "socket/stack_core.hpp"

namespace lastack {

std::errc socket::errc_of(Errno error) {
  switch (error) {
    case Errno::none: break;
    case Errno::eagain: return std::errc::resource_unavailable_try_again;
    case Errno::enoent: return std::errc::no_such_file_or_directory;
    case Errno::enotty: return std::errc::inappropriate_io_control_operation;
    case Errno::edom: return std::errc::argument_out_of_domain;
    case Errno::edestaddrreq: return std::errc::destination_address_required;
    case Errno::emsgsize: return std::errc::message_size;
    case Errno::enoprotoopt: return std::errc::no_protocol_option;
    case Errno::eprotonosupport:
    case Errno::esocktnosupport: return std::errc::protocol_not_supported;
    case Errno::eafnosupport: return std::errc::address_family_not_supported;
    case Errno::eacces: return std::errc::permission_denied;
    case Errno::einval: return std::errc::invalid_argument;
    case Errno::ebadf: return std::errc::bad_file_descriptor;
    case Errno::emfile: return std::errc::too_many_files_open;
    case Errno::epipe: return std::errc::broken_pipe;
    case Errno::eopnotsupp: return std::errc::operation_not_supported;
    case Errno::eaddrinuse: return std::errc::address_in_use;
    case Errno::eaddrnotavail: return std::errc::address_not_available;
    case Errno::enetunreach: return std::errc::network_unreachable;
    case Errno::econnaborted: return std::errc::connection_aborted;
    case Errno::econnreset: return std::errc::connection_reset;
    case Errno::enobufs: return std::errc::no_buffer_space;
    case Errno::eisconn: return std::errc::already_connected;
    case Errno::enotconn: return std::errc::not_connected;
    case Errno::etimedout: return std::errc::timed_out;
    case Errno::econnrefused: return std::errc::connection_refused;
    case Errno::ehostunreach: return std::errc::host_unreachable;
    case Errno::ealready: return std::errc::connection_already_in_progress;
    case Errno::einprogress: return std::errc::operation_in_progress;
  }
  return std::errc::invalid_argument;
}

namespace {

using socket::errc_of;
using socket::Errno;
using socket::outward;

constexpr std::uint32_t kLargestPayload = 65535 - 60 - 60;  // beside the largest headers
/// What a SocketId names is in its highest two bits.
enum class Named : std::uint64_t { flow, listener, udp };

template <typename Id>
SocketId id_of(Named named, const Id& id) {
  return SocketId{static_cast<std::uint64_t>(named) << 62U |
                  std::uint64_t{id.generation & 0x3fffffffU} << 32U | id.index};
}
SocketId id_of(host::FlowId id) { return id_of(Named::flow, id); }
SocketId id_of(host::ListenerId id) { return id_of(Named::listener, id); }
SocketId id_of(host::UdpId id) { return id_of(Named::udp, id); }

Transition public_form(const tcp::Transition& t, TimePoint at) {
  return {.at = at, .from = t.from, .to = t.to, .cause = to_string(t.event)};
}

host::Config config_of(const StackOptions& options) {
  tcp::Settings settings;
  settings.receive_buffer = options.receive_buffer;
  settings.send_buffer = options.send_buffer;
  settings.msl = options.msl;
  settings.close_as_linux(options.profile == Profile::linux_kernel);
  host::Config config;
  config.addresses = options.addresses;
  config.mtu = std::max<std::uint16_t>(options.mtu, 576);
  config.super_segment = options.offload ? kLargestPayload : 0;
  config.transmit_checksum = config.verify_checksum = !options.offload;
  config.settings = tcp::SettingsPtr(settings);
  return config;
}

}  // namespace

Seed Seed::fixed(std::uint64_t number) {
  Random random(number);
  return {{random.next(), random.next(), random.next(), random.next()}};
}

// --- Waiting

Waiting::Waiting() = default;
Waiting::Waiting(std::unique_ptr<socket::Waiter> waiter) : waiter_(std::move(waiter)) {}
Waiting::Waiting(Waiting&&) noexcept = default;
Waiting& Waiting::operator=(Waiting&&) noexcept = default;
Waiting::~Waiting() = default;
void Waiting::cancel() { waiter_.reset(); }

// --- Descriptor

Descriptor::Descriptor(std::shared_ptr<socket::StackCore> core, int number)
    : core_(std::move(core)), number_(number) {}

Descriptor::Descriptor(Descriptor&& other) noexcept
    : core_(std::move(other.core_)), number_(std::exchange(other.number_, -1)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    close();
    core_ = std::move(other.core_);
    number_ = std::exchange(other.number_, -1);
  }
  return *this;
}

Descriptor::~Descriptor() { close(); }

void Descriptor::close() {
  if (!core_) return;
  core_->waiters.closes(number_);
  (void)core_->sockets.close(number_, core_->time());
  core_.reset();
  number_ = -1;
}

std::uint32_t Descriptor::references() const {
  return core_ ? core_->sockets.references(number_).value_or(0) : 0;
}

State Descriptor::state() const {
  return core_ ? core_->sockets.state(number_).value_or(State::closed) : State::closed;
}

Ready Descriptor::ready() const {
  const unsigned bits = core_ ? core_->sockets.poll(number_).value_or(0) : 0U;
  return {.readable = (bits & socket::kPollIn) != 0,
          .writable = (bits & socket::kPollOut) != 0,
          .peer_closed = (bits & socket::kPollRdHup) != 0,
          .hung_up = (bits & socket::kPollHup) != 0,
          .error = (bits & socket::kPollErr) != 0};
}

Waiting Descriptor::when(Until until, std::function<void()> call) const {
  const unsigned way =
      until == Until::readable ? socket::kPollIn | socket::kPollRdHup : unsigned{socket::kPollOut};
  const auto bits = static_cast<std::uint16_t>(way | socket::kPollErr | socket::kPollHup);
  auto waiter = std::make_unique<socket::Waiter>(number_, bits, std::move(call));
  if (core_) core_->waiters.add(*waiter);
  return Waiting(std::move(waiter));
}

SocketId Descriptor::id() const {
  const socket::OpenSocket* s = core_ ? core_->sockets.find(number_) : nullptr;
  if (s == nullptr) return {};
  if (s->kind == socket::OpenSocket::Kind::listening) return id_of(s->listener());
  return s->kind == socket::OpenSocket::Kind::datagram ? id_of(s->udp()) : id_of(s->flow());
}

Endpoint Descriptor::local() const {
  return core_ ? core_->sockets.local_name(number_).value_or(Endpoint{}) : Endpoint{};
}

Result<void> Descriptor::set_option(int level, int name, int value) {
  return set_option(level, name, std::as_bytes(std::span(&value, 1)));
}

Result<void> Descriptor::set_option(int level, int name, std::span<const std::byte> value) {
  if (!core_) return std::unexpected(std::errc::bad_file_descriptor);
  return outward(core_->sockets.set_option(number_, level, name, value, core_->time()));
}

Result<int> Descriptor::option(int level, int name) const {
  if (!core_) return std::unexpected(std::errc::bad_file_descriptor);
  return outward(core_->sockets.get_option(number_, level, name, core_->time()));
}

Result<std::size_t> Descriptor::option(int level, int name, std::span<std::byte> into) const {
  if (!core_) return std::unexpected(std::errc::bad_file_descriptor);
  return outward(core_->sockets.get_option(number_, level, name, into, core_->time()));
}

Result<int> Descriptor::duplicate() const {
  if (!core_) return std::unexpected(std::errc::bad_file_descriptor);
  return outward(core_->sockets.dup(number_));
}

// --- Socket

Result<Socket> Socket::dup() const {
  const auto number = duplicate();
  if (!number) return std::unexpected(number.error());
  return Socket(core_, *number);
}

Result<void> Socket::connected() {
  if (!core_) return std::unexpected(std::errc::bad_file_descriptor);
  const socket::OpenSocket* s = core_->sockets.find(number_);
  if (s->kind == socket::OpenSocket::Kind::connected) return {};
  if (s->kind == socket::OpenSocket::Kind::fresh) {
    return std::unexpected(std::errc::not_connected);
  }
  return outward(core_->sockets.connect(number_, {}, core_->time()));
}

Result<std::size_t> Socket::send(std::span<const std::byte> octets) {
  if (!core_) return std::unexpected(std::errc::bad_file_descriptor);
  return outward(core_->sockets.send(number_, octets, core_->time()));
}

Result<std::size_t> Socket::send(std::string_view text) {
  return send(std::as_bytes(std::span(text)));
}

Result<std::size_t> Socket::receive(std::span<std::byte> into) {
  if (!core_) return std::unexpected(std::errc::bad_file_descriptor);
  return outward(core_->sockets.recv(number_, into, core_->time()));
}

Result<std::size_t> Socket::peek(std::span<std::byte> into) {
  if (!core_) return std::unexpected(std::errc::bad_file_descriptor);
  return outward(core_->sockets.peek(number_, into));
}

Result<void> Socket::shutdown(Shut how) {
  if (!core_) return std::unexpected(std::errc::bad_file_descriptor);
  return outward(core_->sockets.shutdown(number_, static_cast<int>(how), core_->time()));
}

Endpoint Socket::remote() const {
  return core_ ? core_->sockets.peer_name(number_).value_or(Endpoint{}) : Endpoint{};
}

std::optional<std::errc> Socket::error() {
  if (!core_) return std::nullopt;
  const auto error = core_->sockets.take_error(number_).value_or(std::nullopt);
  return error ? std::optional(errc_of(*error)) : std::nullopt;
}

std::vector<Transition> Socket::history() const {
  const socket::OpenSocket* s = core_ ? core_->sockets.find(number_) : nullptr;
  return s != nullptr ? socket::history_of(*core_, *s) : std::vector<Transition>{};
}

std::vector<Transition> socket::history_of(const StackCore& core, const OpenSocket& socket) {
  std::vector<Transition> all;
  const host::ConnectionEntry* entry = socket.has_flow() ? core.host.find(socket.flow()) : nullptr;
  if (entry == nullptr) return all;
  for (std::size_t i = entry->history.kept(); i-- > 0;) {
    const host::History::Entry step = entry->history.last(i);
    all.push_back(public_form(step.transition, step.at));
  }
  return all;
}

void Socket::set_linger_zero(bool on) {
  if (core_) (void)core_->sockets.set_linger_zero(number_, on);
}

void Socket::set_no_delay(bool on) {
  if (core_) (void)core_->sockets.set_no_delay(number_, on, core_->time());
}

void Socket::set_keepalive(bool on) {
  if (core_) (void)core_->sockets.set_keepalive(number_, on, core_->time());
}

// --- Listener

Result<Listener> Listener::dup() const {
  const auto number = duplicate();
  if (!number) return std::unexpected(number.error());
  return Listener(core_, *number);
}

Result<Socket> Listener::accept() {
  if (!core_) return std::unexpected(std::errc::bad_file_descriptor);
  const auto number = core_->sockets.accept(number_);
  if (!number) return std::unexpected(errc_of(number.error()));
  return Socket(core_, *number);
}

// --- Datagrams

Result<Datagrams> Datagrams::dup() const {
  const auto number = duplicate();
  if (!number) return std::unexpected(number.error());
  return Datagrams(core_, *number);
}

Result<void> Datagrams::connect(const Endpoint& remote) {
  if (!core_) return std::unexpected(std::errc::bad_file_descriptor);
  return outward(core_->sockets.connect(number_, remote, core_->time()));
}

Result<std::size_t> Datagrams::send(std::span<const std::byte> octets,
                                    const std::optional<Endpoint>& to) {
  if (!core_) return std::unexpected(std::errc::bad_file_descriptor);
  return outward(core_->sockets.sendmsg(number_, {&octets, 1}, core_->time(), 0, to));
}

Result<Datagram> Datagrams::receive(std::span<std::byte> into) {
  if (!core_) return std::unexpected(std::errc::bad_file_descriptor);
  const auto got = core_->sockets.recvmsg(number_, {&into, 1}, core_->time());
  if (!got) return std::unexpected(errc_of(got.error()));
  return Datagram{got->octets, got->from, (got->flags & socket::kMsgTrunc) != 0};
}

// --- Stack

Stack::Stack(const StackOptions& options, const Seed& seed)
    : core_(std::make_shared<socket::StackCore>(config_of(options), Random(seed.words))) {}

Stack::Stack(Stack&&) noexcept = default;
Stack& Stack::operator=(Stack&&) noexcept = default;
Stack::~Stack() = default;

void Stack::advance(TimePoint now) {
  core_->now = std::max(core_->now, now);
  core_->host.advance(core_->now);
}

TimePoint Stack::next_deadline() const { return core_->host.next_deadline(); }

TimePoint Stack::now() const { return core_->now; }

void Stack::packet_arrives(std::span<const std::byte> packet) {
  core_->host.packet_arrives(Slice::copy_of(packet, &core_->host.pool()), core_->now);
}

std::size_t Stack::transmit(std::span<std::byte> into) {
  while (core_->host.transmit(core_->out, core_->now)) {
    const std::size_t size = core_->out.copy_to(into);
    if (size > 0) return size;
  }
  core_->out.clear();
  return 0;
}

Result<Listener> Stack::listen(const Endpoint& local, std::uint32_t backlog) {
  socket::Sockets& sockets = core_->sockets;
  const auto number = sockets.socket();
  if (!number) return std::unexpected(errc_of(number.error()));
  Listener made(core_, *number);
  const auto bound = sockets.bind(*number, local);
  if (!bound) return std::unexpected(errc_of(bound.error()));
  const auto listening = sockets.listen(*number, backlog, core_->time());
  if (!listening) return std::unexpected(errc_of(listening.error()));
  return made;
}

Result<Socket> Stack::connect(const Endpoint& remote, const std::optional<Endpoint>& local) {
  socket::Sockets& sockets = core_->sockets;
  const auto number = sockets.socket();
  if (!number) return std::unexpected(errc_of(number.error()));
  Socket made(core_, *number);
  if (local) {
    (void)sockets.set_reuse_address(*number, true);  // several may connect from one port
    const auto bound = sockets.bind(*number, *local);
    if (!bound) return std::unexpected(errc_of(bound.error()));
  }
  const auto begun = sockets.connect(*number, remote, core_->time());
  if (!begun && begun.error() != Errno::einprogress) {
    return std::unexpected(errc_of(begun.error()));
  }
  return made;
}

Result<Datagrams> Stack::datagrams(const Endpoint& local) {
  socket::Sockets& sockets = core_->sockets;
  const int domain = local.address.is_v4() ? socket::kAfInet : socket::kAfInet6;
  const auto number = sockets.socket(domain, socket::kSockDgram);
  if (!number) return std::unexpected(errc_of(number.error()));
  Datagrams made(core_, *number);
  const auto bound = sockets.bind(*number, local);
  if (!bound) return std::unexpected(errc_of(bound.error()));
  return made;
}

std::optional<Event> Stack::next_event() {
  host::HostEvent from;
  if (!core_->host.next_event(from)) return std::nullopt;
  core_->sockets.heard(from);
  Event event{.at = from.at, .id = id_of(from.flow)};
  if (from.listener != host::ListenerId{}) event.id = id_of(from.listener);
  if (from.udp != host::UdpId{}) event.id = id_of(from.udp);
  for (const tcp::Transition& t : from.news.transitions()) {
    event.taken[event.taken_count++] = public_form(t, from.at);
  }
  return event;
}

std::size_t Stack::dispatch(const std::function<void(const Event&)>& watcher) {
  while (const auto event = next_event()) {
    if (watcher) watcher(*event);
  }
  return core_->waiters.call_due();
}

std::vector<ConnectionInfo> Stack::connections() const {
  std::vector<ConnectionInfo> all;
  core_->host.each([&all](const host::View& view) {
    all.push_back({.state = view.state,
                   .local = view.flow.local,
                   .remote = view.flow.remote,
                   .receive_queue = view.receive_queue,
                   .send_queue = view.send_queue,
                   .since = view.since});
  });
  return all;
}

}  // namespace lastack
