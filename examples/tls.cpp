// TLS on lastack: boost::asio::ssl::stream around lastack's stream, a server and a client, each on
// a host of its own. The server signs its certificate itself, and the client trusts that one alone.
#include <lastack/asio.hpp>
#include <lastack/lastack.hpp>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <memory>
#include <string>

namespace net = boost::asio;
namespace ssl = boost::asio::ssl;

namespace {

using Error = boost::system::error_code;
using Tls = ssl::stream<lastack::asio::Stream>;

/// One side for both contexts: the server's own, and what the client trusts.
void certify(ssl::context& server, ssl::context& client) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  const auto* const text = reinterpret_cast<const unsigned char*>("lastack example");
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  SSL_CTX_use_certificate(server.native_handle(), certificate.get());
  SSL_CTX_use_PrivateKey(server.native_handle(), key.get());
  X509_STORE_add_cert(SSL_CTX_get_cert_store(client.native_handle()), certificate.get());
  client.set_verify_mode(ssl::verify_peer);
}

/// Answers a line, and ends TLS and the connection.
class Server : public std::enable_shared_from_this<Server> {
 public:
  Server(lastack::asio::Stream stream, ssl::context& context) : tls_(std::move(stream), context) {}

  void begin() {
    tls_.async_handshake(ssl::stream_base::server, [self = shared_from_this()](const Error& error) {
      if (!error) self->answer();
    });
  }

 private:
  void answer() {
    net::async_read_until(tls_, net::dynamic_buffer(line_), '\n',
                          [self = shared_from_this()](const Error& error, std::size_t) {
                            if (error) return;
                            net::async_write(self->tls_, net::buffer(self->line_),
                                             [self](const Error&, std::size_t) {
                                               self->tls_.async_shutdown([self](const Error&) {});
                                             });
                          });
  }

  Tls tls_;
  std::string line_;
};

}  // namespace

int main() {
  using lastack::IpAddress;
  const lastack::Endpoint address{IpAddress::v4(10, 0, 0, 2), 443};
  lastack::Stack a({.addresses = {{IpAddress::v4(10, 0, 0, 1), 24}}}, lastack::system_seed());
  lastack::Stack b({.addresses = {{address.address, 24}}}, lastack::system_seed());
  ssl::context server_side(ssl::context::tls_server);
  ssl::context client_side(ssl::context::tls_client);
  certify(server_side, client_side);

  net::io_context context;
  lastack::asio::Network network(context.get_executor());
  network.loop().join(a, b);
  lastack::asio::Acceptor acceptor(network, b, address);
  acceptor.async_accept([&server_side](const Error& error, auto stream) {
    if (!error) std::make_shared<Server>(std::move(*stream), server_side)->begin();
  });

  Tls client(lastack::asio::Stream(network, a), client_side);
  std::string answer;
  const auto ended = [&](const Error& why) {
    if (why) std::fprintf(stderr, "%s\n", why.message().c_str());
    context.stop();
  };
  client.next_layer().async_connect(address, [&](const Error& refused) {
    if (refused) return ended(refused);
    client.async_handshake(ssl::stream_base::client, [&](const Error& error) {
      if (error) return ended(error);
      net::async_write(client, net::buffer("hello, all in secret\n", 21),
                       [&](const Error& lost, std::size_t) {
                         if (lost) return ended(lost);
                         net::async_read_until(client, net::dynamic_buffer(answer), '\n',
                                               [&](const Error& why, std::size_t) { ended(why); });
                       });
    });
  });
  context.run();
  std::printf("%s: %s", SSL_get_version(client.native_handle()), answer.c_str());
  return answer == "hello, all in secret\n" ? 0 : 1;
}
