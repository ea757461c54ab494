// The HTTP service against clients that mean no good, over two hosts in virtual time.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "cli/services.hpp"
#include "sim/two_hosts.hpp"

namespace lastack::cli {
namespace {

namespace fs = std::filesystem;

class HttpService : public testing::Test {
 protected:
  static constexpr std::size_t kMostSessions = 20;

  HttpService() {
    std::string name = (fs::temp_directory_path() / "lastack-XXXXXX").string();
    outside = ::mkdtemp(name.data());
    folder = outside / "served";
    fs::create_directories(folder / "deep");
    write(outside / "secret", "secret");
    write(folder / "index.html", "hello");
    write(folder / "deep" / "a b", "deep");
    hosts.on_event = [this](std::size_t side, const host::HostEvent& event) {
      if (side == 1) services.on_event(event, hosts.now());
    };
    EXPECT_FALSE(services.add({"http", 80, folder.string()}, true, false, hosts.now()));
    EXPECT_FALSE(services.add({"echo", 7, ""}, true, false, hosts.now()));
  }
  ~HttpService() override { fs::remove_all(outside); }

  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
  socket::Sockets& client() { return hosts.sockets(0); }
  socket::Fd connect(std::uint16_t port = 80) {
    const socket::Fd fd = *client().socket();
    (void)client().connect(fd, {hosts.address(1), port}, hosts.now());
    hosts.settle();
    return fd;
  }
  void say(socket::Fd fd, std::string_view text) {
    (void)client().send(fd, std::as_bytes(std::span(text)), hosts.now());
    hosts.settle();
  }
  /// What has come so far; "(end)" or "(reset)" behind it.
  std::string heard(socket::Fd fd) {
    std::string all;
    std::vector<std::byte> octets(65536);
    for (;;) {
      hosts.settle();
      const auto n = client().recv(fd, octets, hosts.now());
      if (!n) return all + (n.error() == socket::Errno::eagain ? "" : "(reset)");
      if (*n == 0) return all + "(end)";
      for (std::size_t i = 0; i < *n; ++i) all += static_cast<char>(octets[i]);
    }
  }
  /// The answer to one request on a connection of its own.
  std::string ask(std::string_view request) {
    const socket::Fd fd = connect();
    say(fd, request);
    const std::string answer = heard(fd);
    (void)client().close(fd, hosts.now());
    hosts.settle();
    return answer;
  }
  std::string get(const std::string& target) {
    return ask("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  static std::string status(const std::string& answer) { return answer.substr(0, 12); }

  sim::TwoHosts hosts;
  Services services{hosts.sockets(1), kMostSessions};
  fs::path outside;
  fs::path folder;
};

TEST_F(HttpService, Files) {
  EXPECT_EQ(get("/"), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(get("/index.html?x=1"), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(get("/deep/a%20b"), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndeep");
  EXPECT_EQ(status(get("/deep")), "HTTP/1.1 404");
  EXPECT_EQ(status(get("/nothing")), "HTTP/1.1 404");
}

TEST_F(HttpService, NothingOutsideTheFolder) {
  const std::string secret = (outside / "secret").string();
  const std::vector<std::string> targets{secret,
                                         "/" + secret,
                                         "//" + secret,
                                         "/%2f" + secret,
                                         "/deep/../../secret",
                                         "/../secret",
                                         "/%2e%2e/secret",
                                         "/..%2fsecret",
                                         "/./../secret",
                                         "/deep/%2e%2e/%2e%2e/secret"};
  for (const std::string& target : targets) {
    const std::string answer = get(target);
    EXPECT_TRUE(status(answer) == "HTTP/1.1 403" || status(answer) == "HTTP/1.1 404")
        << target << " " << answer;
  }
  EXPECT_EQ(status(get("/deep/../index.html")), "HTTP/1.1 200");
  EXPECT_EQ(status(get("secret")), "HTTP/1.1 400");
  EXPECT_EQ(status(get("/a%00b")), "HTTP/1.1 400");
  EXPECT_EQ(status(get("/%zz")), "HTTP/1.1 400");
  EXPECT_EQ(status(get("/%4")), "HTTP/1.1 400");
}

TEST_F(HttpService, HeadHasNoBodyWhateverTheAnswer) {
  const socket::Fd fd = connect();
  say(fd, "HEAD /nothing HTTP/1.1\r\n\r\nHEAD /../x HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\n");
  const std::string answers = heard(fd);
  std::size_t heads = 0;
  for (std::size_t at = 0; at < answers.size(); ++heads) {
    EXPECT_EQ(answers.substr(at, 9), "HTTP/1.1 ") << answers.substr(at);
    at = answers.find("\r\n\r\n", at);
    ASSERT_NE(at, std::string::npos);
    at += 4;
  }
  EXPECT_EQ(heads, 3U);
}

TEST_F(HttpService, WhatCanNotBeReadOnEndsTheConnection) {
  for (const std::string_view request :
       {"POST / HTTP/1.1\r\nContent-Length: 30\r\n\r\nGET /deep HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 30\r\n\r\nGET /deep HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding:chunked\r\n\r\nGET /deep HTTP/1.1\r\n\r\n",
        "nonsense\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nConnection:Close\r\n\r\n"}) {
    const std::string answer = ask(request);
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos) << request;
    EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << answer;  // one answer only
    EXPECT_TRUE(answer.ends_with("(end)") || answer.ends_with("(reset)")) << answer;
  }
}

TEST_F(HttpService, ARequestWithoutEnd) {
  const socket::Fd fd = connect();
  for (int i = 0; i < 1000; ++i) say(fd, "X-Header: 0123456789\r\n");
  EXPECT_EQ(status(heard(fd)), "HTTP/1.1 431");
}

/// What was announced is what comes; where that can't be, the connection is reset, since a FIN
/// would say that this was all.
TEST_F(HttpService, AFileThatChangesWhileItIsSent) {
  write(folder / "long", std::string(2'000'000, 'x'));
  const socket::Fd grown = connect();
  say(grown, "GET /long HTTP/1.1\r\n\r\n");
  std::ofstream(folder / "long", std::ios::app) << std::string(1000, 'y');
  const std::string whole = heard(grown);
  EXPECT_TRUE(whole.ends_with("xxx"));
  EXPECT_EQ(whole.size(), whole.find("\r\n\r\n") + 4 + 2'000'000U);
  const socket::Fd cut = connect();
  say(cut, "GET /long HTTP/1.1\r\n\r\n");
  fs::resize_file(folder / "long", 1'500'000);
  EXPECT_TRUE(heard(cut).ends_with("(reset)"));
}

TEST_F(HttpService, SoManySessionsAndTheOthersWait) {
  std::vector<socket::Fd> all;
  for (std::size_t i = 0; i < 2 * kMostSessions; ++i) {
    all.push_back(connect(7));
    say(all.back(), "x");
  }
  std::size_t echoed = 0;
  for (const socket::Fd fd : all) echoed += heard(fd) == "x" ? 1 : 0;
  EXPECT_EQ(echoed, kMostSessions);
  for (std::size_t i = 0; i < kMostSessions; ++i) (void)client().close(all[i], hosts.now());
  hosts.settle();
  for (std::size_t i = kMostSessions; i < all.size(); ++i) EXPECT_EQ(heard(all[i]), "x");
  EXPECT_EQ(hosts.sockets(1).open_sockets(), 2 + kMostSessions);
}

TEST_F(HttpService, EchoGivesBackAllOfALongConversation) {
  const socket::Fd fd = connect(7);
  std::string sent;
  std::string got;
  while (sent.size() < 3'000'000) {
    const std::string part(100'000, static_cast<char>('a' + sent.size() % 26));
    const auto n = client().send(fd, std::as_bytes(std::span(part)), hosts.now());
    sent += part.substr(0, n.value_or(0));
    if (sent.size() > 1'500'000) got += heard(fd);  // at first nobody reads
    hosts.settle();
    if (!n && got.empty()) got += heard(fd);
  }
  (void)client().shutdown(fd, socket::kShutWr, hosts.now());
  got += heard(fd);
  EXPECT_EQ(got.size(), sent.size() + 5);
  EXPECT_TRUE(got == sent + "(end)");
}

}  // namespace
}  // namespace lastack::cli
