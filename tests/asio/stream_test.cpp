// lastack's connections as Asio's streams: what Asio, Beast and TLS ask of one, over a wire in
// memory.
#include "lastack/asio.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <string>
#include <vector>

namespace lastack::asio {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;

static_assert(beast::is_async_stream<Stream>::value && beast::is_sync_stream<Stream>::value);

Stack stack_at(std::uint8_t last) {
  return {{.addresses = {{IpAddress::v4(10, 0, 0, last), 24}}}, Seed::fixed(last)};
}

class AsioTest : public testing::Test {
 protected:
  AsioTest() { network.loop().join(a, b); }

  /// Both ends of a new connection.
  void connect() {
    acceptor.async_accept([&](const ErrorCode& error, std::optional<Stream> accepted) {
      ASSERT_FALSE(error);
      server.emplace(std::move(*accepted));
      stop_when_connected();
    });
    client.async_connect(address, [&](const ErrorCode& error) {
      ASSERT_FALSE(error);
      connected = true;
      stop_when_connected();
    });
    run();
    ASSERT_TRUE(connected && server);
  }
  void stop_when_connected() {
    if (connected && server) context.stop();
  }
  /// Until somebody stops it.
  void run() {
    context.restart();
    context.run();
  }

  const Endpoint address{IpAddress::v4(10, 0, 0, 2), 80};
  Stack a = stack_at(1);
  Stack b = stack_at(2);
  net::io_context context;
  Network network{context.get_executor()};
  Acceptor acceptor{network, b, address};
  Stream client{network, a};
  std::optional<Stream> server;
  bool connected = false;
};

/// More than both buffers hold, gathered from two buffers, scattered into two.
TEST_F(AsioTest, WritesAndReadsAllOfALongStream) {
  connect();
  const std::vector<char> first(1'000'000, 'a');
  const std::vector<char> second(2'000'000, 'b');
  const std::array<net::const_buffer, 2> from{net::buffer(first), net::buffer(second)};
  std::vector<char> into_first(1'500'000);
  std::vector<char> into_second(1'500'000);
  const std::array<net::mutable_buffer, 2> into{net::buffer(into_first), net::buffer(into_second)};
  std::size_t written = 0;
  std::size_t read = 0;
  net::async_write(client, from, [&](const ErrorCode& error, std::size_t octets) {
    EXPECT_FALSE(error);
    written = octets;
  });
  net::async_read(*server, into, [&](const ErrorCode& error, std::size_t octets) {
    EXPECT_FALSE(error);
    read = octets;
    context.stop();
  });
  run();
  EXPECT_EQ(written, 3'000'000U);
  EXPECT_EQ(read, 3'000'000U);
  EXPECT_EQ(into_first[999'999], 'a');
  EXPECT_EQ(into_first[1'000'000], 'b');
  EXPECT_EQ(into_second.back(), 'b');
}

TEST_F(AsioTest, TheEndOfTheStreamIsEof) {
  connect();
  ErrorCode error;
  client.shutdown(Shut::write, error);
  EXPECT_FALSE(error);
  std::array<char, 10> buffer{};
  EXPECT_EQ(server->read_some(net::buffer(buffer), error), 0U);
  EXPECT_EQ(error, net::error::eof);
  // The half-close: the other way goes on.
  EXPECT_EQ(server->write_some(net::buffer("on", 2)), 2U);
  EXPECT_EQ(client.read_some(net::buffer(buffer)), 2U);
}

TEST_F(AsioTest, AResetIsAnErrorOfAsios) {
  connect();
  server->socket().set_linger_zero(true);
  server->close();
  std::array<char, 10> buffer{};
  ErrorCode error;
  client.read_some(net::buffer(buffer), error);
  EXPECT_EQ(error, net::error::connection_reset);
  EXPECT_THROW(client.write_some(net::buffer(buffer)), boost::system::system_error);
}

TEST_F(AsioTest, NobodyListens) {
  ErrorCode error;
  client.connect({address.address, 81}, error);
  EXPECT_EQ(error, net::error::connection_refused);
  Stream nowhere(network, a);
  nowhere.connect({*IpAddress::parse("fd00::1"), 80}, error);
  EXPECT_EQ(error, net::error::network_unreachable);
}

TEST_F(AsioTest, CancelledAndClosedOperationsEndAborted) {
  connect();
  std::array<char, 10> buffer{};
  std::vector<ErrorCode> ended;
  const auto note = [&](const ErrorCode& error, std::size_t) {
    ended.push_back(error);
    if (ended.size() == 2) context.stop();
  };
  client.async_read_some(net::buffer(buffer), note);
  client.cancel();
  EXPECT_TRUE(ended.empty());  // a handler is never called from within
  server->async_read_some(net::buffer(buffer), note);
  server->close();
  run();
  EXPECT_EQ(ended, std::vector<ErrorCode>(2, net::error::operation_aborted));
  ErrorCode error;
  server->read_some(net::buffer(buffer), error);
  EXPECT_EQ(error, net::error::bad_descriptor);
}

TEST_F(AsioTest, AStreamMayGoWhileItsOperationsWait) {
  connect();
  std::array<char, 10> buffer{};
  ErrorCode ended;
  server->async_read_some(net::buffer(buffer), [&](const ErrorCode& error, std::size_t) {
    ended = error;
    context.stop();
  });
  Stream moved = std::move(*server);
  server.reset();
  {
    const Stream gone = std::move(moved);
  }
  run();
  EXPECT_EQ(ended, net::error::operation_aborted);
}

TEST_F(AsioTest, RunEndsOnceTheNetworkIsStopped) {
  connect();
  net::post(context, [&] { network.stop(); });
  run();
  EXPECT_TRUE(context.stopped());
}

// --- Beast

TEST_F(AsioTest, BeastTalksHttpOverIt) {
  namespace http = beast::http;
  connect();
  beast::flat_buffer at_server;
  http::request<http::string_body> asked;
  http::response<http::string_body> answer{http::status::ok, 11};
  http::async_read(*server, at_server, asked, [&](const ErrorCode& error, std::size_t) {
    ASSERT_FALSE(error);
    answer.body() = std::string(500'000, 'x');
    answer.prepare_payload();
    http::async_write(*server, answer,
                      [](const ErrorCode& why, std::size_t) { EXPECT_FALSE(why); });
  });
  http::request<http::string_body> request{http::verb::post, "/page", 11};
  request.body() = "question";
  request.prepare_payload();
  beast::flat_buffer buffer;
  http::response<http::string_body> got;
  http::async_write(client, request, [&](const ErrorCode& error, std::size_t) {
    ASSERT_FALSE(error);
    http::async_read(client, buffer, got, [&](const ErrorCode& why, std::size_t) {
      EXPECT_FALSE(why);
      context.stop();
    });
  });
  run();
  EXPECT_EQ(asked.body(), "question");
  EXPECT_EQ(got.body().size(), 500'000U);
}

/// WebSocket over TLS over lastack, from the handshakes to the closing ones.
class TlsTest : public AsioTest {
 protected:
  using Tls = net::ssl::stream<Stream>;

  TlsTest() {
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    X509* const certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    SSL_CTX_use_certificate(server_side.native_handle(), certificate);
    SSL_CTX_use_PrivateKey(server_side.native_handle(), key);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  void SetUp() override { connect(); }

  net::ssl::context server_side{net::ssl::context::tls_server};
  net::ssl::context client_side{net::ssl::context::tls_client};
};

TEST_F(TlsTest, SslStreamRunsOnIt) {
  Tls at_server(std::move(*server), server_side);
  Tls at_client(std::move(client), client_side);
  const std::string text(300'000, 't');
  std::string got(text.size(), ' ');
  ErrorCode end;
  at_server.async_handshake(net::ssl::stream_base::server, [&](const ErrorCode& error) {
    ASSERT_FALSE(error) << error.message();
    net::async_read(at_server, net::buffer(got), [&](const ErrorCode& why, std::size_t) {
      EXPECT_FALSE(why);
      at_server.async_shutdown([](const ErrorCode&) {});
    });
  });
  at_client.async_handshake(net::ssl::stream_base::client, [&](const ErrorCode& error) {
    ASSERT_FALSE(error) << error.message();
    net::async_write(at_client, net::buffer(text), [&](const ErrorCode& why, std::size_t) {
      EXPECT_FALSE(why);
      at_client.async_shutdown([&](const ErrorCode& over) {
        end = over;
        context.stop();
      });
    });
  });
  run();
  EXPECT_EQ(got, text);
  EXPECT_FALSE(end) << end.message();
}

TEST_F(TlsTest, WebSocketToo) {
  using WebSocket = beast::websocket::stream<Tls>;
  WebSocket at_server(std::move(*server), server_side);
  WebSocket at_client(std::move(client), client_side);
  beast::flat_buffer in_server;
  beast::flat_buffer in_client;
  at_server.next_layer().async_handshake(net::ssl::stream_base::server, [&](const ErrorCode&) {
    at_server.async_accept([&](const ErrorCode& error) {
      ASSERT_FALSE(error);
      at_server.async_read(in_server, [&](const ErrorCode&, std::size_t) {
        at_server.async_write(in_server.data(), [&](const ErrorCode&, std::size_t) {
          in_server.clear();
          at_server.async_read(in_server, [](const ErrorCode& over, std::size_t) {
            EXPECT_EQ(over, beast::websocket::error::closed);
          });
        });
      });
    });
  });
  ErrorCode closed = net::error::fault;
  at_client.next_layer().async_handshake(net::ssl::stream_base::client, [&](const ErrorCode&) {
    at_client.async_handshake("example", "/", [&](const ErrorCode& error) {
      ASSERT_FALSE(error);
      at_client.async_write(net::buffer("hello", 5), [&](const ErrorCode&, std::size_t) {
        at_client.async_read(in_client, [&](const ErrorCode&, std::size_t) {
          at_client.async_close(beast::websocket::close_code::normal, [&](const ErrorCode& over) {
            closed = over;
            context.stop();
          });
        });
      });
    });
  });
  run();
  EXPECT_EQ(beast::buffers_to_string(in_client.data()), "hello");
  EXPECT_FALSE(closed) << closed.message();
}

}  // namespace
}  // namespace lastack::asio
