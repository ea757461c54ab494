// lastack's connections as streams of Boost.Asio: what is written for tcp::socket as a template of
// its stream (Beast's HTTP and WebSocket, ssl::stream) runs on them unchanged. Needs Boost 1.74.
//
//   boost::asio::io_context context;
//   lastack::asio::Network network(context.get_executor());
//   network.loop().attach(stack, {.name = "la0", ...}).value();
//   lastack::asio::Stream stream(network, stack);
//   stream.async_connect(remote, [&](auto error) { ... });
//   context.run();  // until network.stop()
//
// Everything of a network belongs to one thread, or to one strand that is its executor.
#pragma once

#include "lastack/detail/asio.hpp"  // before Boost's: 1.74 relies on others to include <utility>

#include <array>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

#include "lastack/loop.hpp"
#include "lastack/stack.hpp"

namespace lastack::asio {

/// Puts a lastack::Loop into an executor's context. While it goes on there is work: stop() it, or
/// end it, for the context's run() to return.
class Network {
 public:
  explicit Network(const Executor& executor)
      : turning_(std::make_shared<detail::Turning>(executor)) {
    turning_->begin();
  }
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  ~Network() { stop(); }

  /// Where stacks are put on links, before or after the context runs. Neither run() nor turn() it.
  [[nodiscard]] Loop& loop() { return turning_->loop(); }
  /// Packets come and go no more.
  void stop() { turning_->stop(); }
  /// Told when a device was deleted under a stack; the network has stopped then.
  void on_trouble(std::function<void(const SystemError&)> call) {
    turning_->on_trouble = std::move(call);
  }

 private:
  friend class Stream;
  friend class Acceptor;
  std::shared_ptr<detail::Turning> turning_;
};

/// A connection: Asio's AsyncReadStream, AsyncWriteStream, SyncReadStream and SyncWriteStream.
/// Handlers are called with Asio's error codes; error::eof at the end of the peer's stream.
class Stream {
 public:
  using executor_type = Executor;
  using lowest_layer_type = Stream;

  /// Not connected.
  Stream(Network& network, Stack& stack) : Stream(network.turning_, std::nullopt) {
    stack_ = &stack;
  }
  Stream(Network& network, Socket socket) : Stream(network.turning_, std::move(socket)) {}

  [[nodiscard]] executor_type get_executor() const { return holder_->turning->executor(); }
  [[nodiscard]] Stream& lowest_layer() { return *this; }
  [[nodiscard]] const Stream& lowest_layer() const { return *this; }
  [[nodiscard]] bool is_open() const { return holder_->descriptor.has_value(); }
  /// All else that a connection can tell and be told; it has to be open.
  [[nodiscard]] Socket& socket() { return *holder_->descriptor; }

  /// void(ErrorCode)
  template <typename Token>
  auto async_connect(const Endpoint& remote, Token&& token) {
    return boost::asio::async_initiate<Token, void(ErrorCode)>(
        [this, remote](auto handler) {
          open(remote);
          holder_->begin(holder_->writes, Connecting{holder_.get(), refused_}, std::move(handler));
        },
        token);
  }
  void connect(const Endpoint& remote, ErrorCode& error) {
    open(remote);
    error = std::get<0>(holder_->finish(Connecting{holder_.get(), refused_}));
  }
  void connect(const Endpoint& remote) {
    ErrorCode error;
    connect(remote, error);
    detail::throw_if(error);
  }

  /// void(ErrorCode, std::size_t)
  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& into, Token&& token) {
    return boost::asio::async_initiate<Token, void(ErrorCode, std::size_t)>(
        [this, into](auto handler) {
          holder_->begin(holder_->reads, Reading<Buffers>{holder_.get(), into}, std::move(handler));
        },
        token);
  }
  template <typename Buffers>
  std::size_t read_some(const Buffers& into, ErrorCode& error) {
    std::size_t octets = 0;
    std::tie(error, octets) = holder_->finish(Reading<Buffers>{holder_.get(), into});
    return octets;
  }
  template <typename Buffers>
  std::size_t read_some(const Buffers& into) {
    ErrorCode error;
    const std::size_t octets = read_some(into, error);
    detail::throw_if(error);
    return octets;
  }

  /// void(ErrorCode, std::size_t)
  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& from, Token&& token) {
    return boost::asio::async_initiate<Token, void(ErrorCode, std::size_t)>(
        [this, from](auto handler) {
          holder_->begin(holder_->writes, Writing<Buffers>{holder_.get(), from},
                         std::move(handler));
        },
        token);
  }
  template <typename Buffers>
  std::size_t write_some(const Buffers& from, ErrorCode& error) {
    std::size_t octets = 0;
    std::tie(error, octets) = holder_->finish(Writing<Buffers>{holder_.get(), from});
    return octets;
  }
  template <typename Buffers>
  std::size_t write_some(const Buffers& from) {
    ErrorCode error;
    const std::size_t octets = write_some(from, error);
    detail::throw_if(error);
    return octets;
  }

  void shutdown(Shut how, ErrorCode& error) {
    error = boost::asio::error::bad_descriptor;
    if (!is_open()) return;
    const auto done = holder_->descriptor->shutdown(how);
    error = done ? ErrorCode() : detail::code_of(done.error());
    holder_->turning->soon();
  }
  /// Operations under way end with error::operation_aborted.
  void cancel() {
    holder_->reads.abort();
    holder_->writes.abort();
  }
  /// As Descriptor::close(); operations under way end with error::operation_aborted.
  void close() { holder_->close(); }
  void close(ErrorCode& error) {
    error = {};
    close();
  }

 private:
  friend class Acceptor;
  using Holder = detail::Holder<Socket>;
  using Transfer = std::tuple<ErrorCode, std::size_t>;

  Stream(std::shared_ptr<detail::Turning> turning, std::optional<Socket> socket)
      : holder_(std::make_unique<Holder>(std::move(turning), std::move(socket))) {}

  void open(const Endpoint& remote) {
    refused_ = {};
    if (is_open() || stack_ == nullptr) return;
    auto made = stack_->connect(remote);
    if (made) {
      holder_->descriptor.emplace(std::move(*made));
    } else {
      refused_ = detail::code_of(made.error());
    }
  }

  struct Connecting {
    Holder* holder;
    ErrorCode refused;
    static std::tuple<ErrorCode> aborted(const ErrorCode& error) { return {error}; }
    std::tuple<ErrorCode> operator()() const {
      if (refused) return {refused};
      if (!holder->descriptor) return {boost::asio::error::bad_descriptor};
      const auto done = holder->descriptor->connected();
      return {done ? ErrorCode() : detail::code_of(done.error())};
    }
  };

  template <typename Buffers>
  struct Reading {
    Holder* holder;
    Buffers into;
    static Transfer aborted(const ErrorCode& error) { return {error, 0}; }
    Transfer operator()() const {
      if (!holder->descriptor) return {boost::asio::error::bad_descriptor, 0};
      std::size_t octets = 0;
      const auto end = boost::asio::buffer_sequence_end(into);
      for (auto at = boost::asio::buffer_sequence_begin(into); at != end; ++at) {
        const boost::asio::mutable_buffer part = *at;
        if (part.size() == 0) continue;
        const auto got =
            holder->descriptor->receive({static_cast<std::byte*>(part.data()), part.size()});
        if (!got && octets == 0) return {detail::code_of(got.error()), 0};
        if (got && *got == 0 && octets == 0) return {boost::asio::error::eof, 0};
        octets += got.value_or(0);
        if (got.value_or(0) < part.size()) break;
      }
      return {ErrorCode(), octets};
    }
  };

  template <typename Buffers>
  struct Writing {
    Holder* holder;
    Buffers from;
    static Transfer aborted(const ErrorCode& error) { return {error, 0}; }
    Transfer operator()() const {
      if (!holder->descriptor) return {boost::asio::error::bad_descriptor, 0};
      std::size_t octets = 0;
      const auto end = boost::asio::buffer_sequence_end(from);
      for (auto at = boost::asio::buffer_sequence_begin(from); at != end; ++at) {
        const boost::asio::const_buffer part = *at;
        if (part.size() == 0) continue;
        const auto sent = holder->descriptor->send(
            std::span(static_cast<const std::byte*>(part.data()), part.size()));
        if (!sent && octets == 0) return {detail::code_of(sent.error()), 0};
        octets += sent.value_or(0);
        if (sent.value_or(0) < part.size()) break;
      }
      return {ErrorCode(), octets};
    }
  };

  std::unique_ptr<Holder> holder_;
  Stack* stack_ = nullptr;
  ErrorCode refused_;
};

class Acceptor {
 public:
  using executor_type = Executor;

  /// Throws what Stack::listen() answers where it can't.
  Acceptor(Network& network, Stack& stack, const Endpoint& local, std::uint32_t backlog = 128)
      : holder_(std::make_unique<Holder>(network.turning_, std::nullopt)) {
    auto made = stack.listen(local, backlog);
    if (!made) detail::throw_if(detail::code_of(made.error()));
    holder_->descriptor.emplace(std::move(*made));
  }

  [[nodiscard]] executor_type get_executor() const { return holder_->turning->executor(); }
  [[nodiscard]] Listener& listener() { return *holder_->descriptor; }

  /// void(ErrorCode, std::optional<Stream>): the connection that has waited longest.
  template <typename Token>
  auto async_accept(Token&& token) {
    return boost::asio::async_initiate<Token, void(ErrorCode, std::optional<Stream>)>(
        [this](auto handler) {
          holder_->begin(holder_->reads, Accepting{holder_.get()}, std::move(handler));
        },
        token);
  }
  [[nodiscard]] std::optional<Stream> accept(ErrorCode& error) {
    auto [why, stream] = holder_->finish(Accepting{holder_.get()});
    error = why;
    return std::move(stream);
  }
  void cancel() { holder_->reads.abort(); }
  void close() { holder_->close(); }

 private:
  using Holder = detail::Holder<Listener>;
  using Accepted = std::tuple<ErrorCode, std::optional<Stream>>;

  struct Accepting {
    Holder* holder;
    static Accepted aborted(const ErrorCode& error) { return {error, std::nullopt}; }
    Accepted operator()() const {
      if (!holder->descriptor) return {boost::asio::error::bad_descriptor, std::nullopt};
      auto socket = holder->descriptor->accept();
      if (!socket) return {detail::code_of(socket.error()), std::nullopt};
      return {ErrorCode(), Stream(holder->turning, std::move(*socket))};
    }
  };

  std::unique_ptr<Holder> holder_;
};

// --- What Beast's WebSocket and timeouts ask of a stream of their user's.

/// Ends a connection in order: our FIN, then whatever still comes, until the peer's.
template <typename Role>
void teardown(Role /*role*/, Stream& stream, ErrorCode& error) {
  stream.shutdown(Shut::write, error);
  std::array<std::byte, 4096> rest;
  while (!error) stream.read_some(boost::asio::buffer(rest), error);
  if (error == boost::asio::error::eof) error = {};
  stream.close();
}

template <typename Role, typename Handler>
void async_teardown(Role /*role*/, Stream& stream, Handler&& handler) {
  struct Draining {
    Stream* stream;
    std::decay_t<Handler> handler;
    std::unique_ptr<std::array<std::byte, 4096>> rest =
        std::make_unique<std::array<std::byte, 4096>>();
    void operator()(ErrorCode error, std::size_t /*octets*/) {
      if (!error) {
        const auto into = boost::asio::buffer(*rest);
        stream->async_read_some(into, std::move(*this));
        return;
      }
      if (error == boost::asio::error::eof) error = {};
      stream->close();
      std::move(handler)(error);
    }
  };
  ErrorCode error;
  stream.shutdown(Shut::write, error);
  Draining draining{&stream, std::forward<Handler>(handler)};
  const auto into = boost::asio::buffer(*draining.rest);
  stream.async_read_some(into, std::move(draining));
}

inline void beast_close_socket(Stream& stream) { stream.close(); }

}  // namespace lastack::asio
