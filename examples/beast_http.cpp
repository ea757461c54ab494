// Boost.Beast's HTTP on lastack: a server and a client, each on a host of its own, a wire in memory
// between them. What is below is what one writes for boost::asio::ip::tcp, but for the types of the
// acceptor and the stream.
#include <lastack/asio.hpp>
#include <lastack/lastack.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstdio>
#include <memory>
#include <string>

namespace http = boost::beast::http;

namespace {

/// One connection: requests are answered for as long as the client keeps it.
class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(lastack::asio::Stream stream) : stream_(std::move(stream)) {}

  void read() {
    request_ = {};
    http::async_read(stream_, buffer_, request_,
                     [self = shared_from_this()](boost::beast::error_code error, std::size_t) {
                       if (!error) self->answer();
                     });
  }

 private:
  void answer() {
    response_ = {http::status::ok, request_.version()};
    response_.set(http::field::content_type, "text/plain");
    response_.keep_alive(request_.keep_alive());
    response_.body() = "You asked for " + std::string(request_.target()) + "\n";
    response_.prepare_payload();
    http::async_write(stream_, response_,
                      [self = shared_from_this()](boost::beast::error_code error, std::size_t) {
                        if (!error && self->response_.keep_alive()) self->read();
                      });
  }

  lastack::asio::Stream stream_;
  boost::beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response<http::string_body> response_;
};

void accept(lastack::asio::Acceptor& acceptor) {
  acceptor.async_accept([&acceptor](boost::beast::error_code error, auto stream) {
    if (error) return;
    std::make_shared<Session>(std::move(*stream))->read();
    accept(acceptor);
  });
}

}  // namespace

int main() {
  using lastack::IpAddress;
  const lastack::Endpoint address{IpAddress::v4(10, 0, 0, 2), 80};
  lastack::Stack client({.addresses = {{IpAddress::v4(10, 0, 0, 1), 24}}}, lastack::system_seed());
  lastack::Stack server({.addresses = {{address.address, 24}}}, lastack::system_seed());

  boost::asio::io_context context;
  lastack::asio::Network network(context.get_executor());
  network.loop().join(client, server);
  lastack::asio::Acceptor acceptor(network, server, address);
  accept(acceptor);

  lastack::asio::Stream stream(network, client);
  boost::beast::flat_buffer buffer;
  http::request<http::empty_body> request{http::verb::get, "/index.html", 11};
  request.set(http::field::host, "example");
  http::response<http::string_body> response;
  int answers = 0;

  const std::function<void()> ask = [&] {
    http::async_write(stream, request, [&](boost::beast::error_code error, std::size_t) {
      if (error) return network.stop();
      response = {};
      http::async_read(stream, buffer, response, [&](boost::beast::error_code why, std::size_t) {
        if (!why) std::printf("%u: %s", response.result_int(), response.body().c_str());
        if (!why && ++answers < 2) return ask();  // on the same connection
        acceptor.close();
        stream.close();
        network.stop();
      });
    });
  };
  stream.async_connect(address, [&](boost::beast::error_code error) {
    if (error) return network.stop();
    ask();
  });
  context.run();
  return answers == 2 ? 0 : 1;
}
