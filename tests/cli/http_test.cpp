// The HTTP service as RFC 9110 and 9112 have it, and against clients that mean no good, over two
// hosts in virtual time.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "cli/http_files.hpp"
#include "cli/http_request.hpp"
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
  std::string get(const std::string& target, const std::string& fields = "") {
    return ask("GET " + target + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n");
  }
  static std::string status(const std::string& answer) { return answer.substr(0, 12); }
  /// Without what differs from run to run: Date and Last-Modified.
  static std::string steady(std::string answer) {
    for (const std::string_view name : {"Date: ", "Last-Modified: "}) {
      const std::size_t at = answer.find("\r\n" + std::string(name));
      if (at != std::string::npos) answer.erase(at, answer.find("\r\n", at + 2) - at);
    }
    return answer;
  }
  static std::string field(const std::string& answer, const std::string& name) {
    const std::size_t at = answer.find("\r\n" + name + ": ");
    if (at == std::string::npos || at > answer.find("\r\n\r\n")) return "(none)";
    const std::size_t from = at + name.size() + 4;
    return answer.substr(from, answer.find("\r\n", from) - from);
  }
  static std::string body(const std::string& answer) {
    const std::size_t at = answer.find("\r\n\r\n");
    return at == std::string::npos ? "(none)" : answer.substr(at + 4);
  }

  sim::TwoHosts hosts;
  Services services{hosts.sockets(1), kMostSessions};
  fs::path outside;
  fs::path folder;
};

TEST_F(HttpService, Files) {
  const std::string hello =
      "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 5\r\n"
      "Accept-Ranges: bytes\r\n\r\nhello";
  EXPECT_EQ(steady(get("/")), hello);
  EXPECT_EQ(steady(get("/index.html?x=1")), hello);
  EXPECT_EQ(steady(get("http://x/index.html")), hello);
  EXPECT_EQ(steady(get("HTTP://x?y")), hello);
  EXPECT_EQ(steady(get("/deep/a%20b")),
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 4\r\n"
            "Accept-Ranges: bytes\r\n\r\ndeep");
  EXPECT_EQ(status(get("/nothing")), "HTTP/1.1 404");
  EXPECT_EQ(status(get("/index.html/")), "HTTP/1.1 404");
  EXPECT_EQ(field(get("/"), "Date").size(), http_date(0).size());
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");  // RFC 9110 §5.6.7's example
}

TEST_F(HttpService, Folders) {
  write(folder / "deep" / "<&\"x:y", "");
  fs::create_directory(folder / "deep" / "er");
  for (const std::string_view target : {"/deep", "//deep", "/deep/er/../../deep", "/deep?x"}) {
    const std::string moved = get(std::string(target));
    EXPECT_EQ(status(moved), "HTTP/1.1 301");
    EXPECT_EQ(field(moved, "Location"), "/deep/") << target;
  }
  const std::string list = get("/deep/");
  EXPECT_EQ(status(list), "HTTP/1.1 200");
  EXPECT_EQ(field(list, "Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(field(list, "Content-Length"), std::to_string(body(list).size()));
  EXPECT_NE(list.find("<a href=\"./a%20b\">a b</a>"), std::string::npos) << list;
  EXPECT_NE(list.find("<a href=\"./er/\">er/</a>"), std::string::npos) << list;
  EXPECT_NE(list.find("<a href=\"./%3C&amp;%22x:y\">&lt;&amp;&quot;x:y</a>"), std::string::npos)
      << list;
  EXPECT_NE(list.find("<a href=\"../\">"), std::string::npos) << list;
  EXPECT_EQ(status(get("/deep/%3C&%22x:y")), "HTTP/1.1 200");
  fs::remove(folder / "index.html");
  const std::string top = get("/deep/..");
  EXPECT_EQ(status(top), "HTTP/1.1 200");
  EXPECT_NE(top.find("<a href=\"./deep/\">"), std::string::npos) << top;
  EXPECT_EQ(top.find("../"), std::string::npos) << top;
}

TEST_F(HttpService, Ranges) {
  write(folder / "ten", "0123456789");
  const auto part = [this](const std::string& range) {
    const std::string answer = get("/ten", "Range: " + range + "\r\n");
    EXPECT_EQ(field(answer, "Content-Length"), std::to_string(body(answer).size()));
    return answer.substr(9, 3) + " " + field(answer, "Content-Range") + " " + body(answer);
  };
  EXPECT_EQ(part("bytes=0-0"), "206 bytes 0-0/10 0");
  EXPECT_EQ(part("bytes=2-4"), "206 bytes 2-4/10 234");
  EXPECT_EQ(part("Bytes=7-"), "206 bytes 7-9/10 789");
  EXPECT_EQ(part("bytes=7-99999999999999999999999"), "206 bytes 7-9/10 789");
  EXPECT_EQ(part("bytes=-3"), "206 bytes 7-9/10 789");
  EXPECT_EQ(part("bytes=-30"), "206 bytes 0-9/10 0123456789");
  const std::string unsatisfiable = "416 bytes */10 416 Range Not Satisfiable\n";
  EXPECT_EQ(part("bytes=10-"), unsatisfiable);
  EXPECT_EQ(part("bytes=99999999999999999999999-"), unsatisfiable);
  EXPECT_EQ(part("bytes=-0"), unsatisfiable);
  for (const std::string_view ignored : {"bytes=4-2", "bytes=", "bytes=-", "bytes=x-2", "bytes=1-x",
                                         "bytes=--1", "bytes=0-1,4-5", "lines=0-1", "0-1"}) {
    EXPECT_EQ(part(std::string(ignored)), "200 (none) 0123456789") << ignored;
  }
  const std::string conditional =
      get("/ten", "Range: bytes=2-4\r\nIf-Range: \"never given out\"\r\n");
  EXPECT_EQ(body(conditional), "0123456789");
  const std::string head = ask("HEAD /ten HTTP/1.1\r\nHost: x\r\nRange: bytes=2-4\r\n\r\n");
  EXPECT_EQ(status(head), "HTTP/1.1 200");
  EXPECT_EQ(field(head, "Content-Length"), "10");
  EXPECT_EQ(body(head), "");
}

TEST_F(HttpService, RangesOfTheSizesThatAreHard) {
  const auto range = [](std::string_view field, std::uint64_t size) {
    return range_of_field(field, size).value();
  };
  EXPECT_EQ(range("bytes=0-", 1), (ByteRange{0, 0}));
  EXPECT_EQ(range("bytes=5-5", UINT64_MAX), (ByteRange{5, 5}));
  EXPECT_EQ(range("bytes=18446744073709551614-18446744073709551615", UINT64_MAX),
            (ByteRange{UINT64_MAX - 1, UINT64_MAX - 1}));
  EXPECT_EQ(range("bytes=-1", 0), std::nullopt);
  EXPECT_EQ(range_of_field("bytes=0-", 0).error(), HttpStatus::range_not_satisfiable);
}

/// Requests sent at once are answered in their order, ranges, errors and all.
TEST_F(HttpService, OneAfterTheOther) {
  write(folder / "long", std::string(300'000, 'x'));
  const socket::Fd fd = connect();
  std::string requests;
  for (const std::string_view line :
       {"GET /long HTTP/1.1", "HEAD /long HTTP/1.1", "GET /nothing HTTP/1.1", "GET / HTTP/1.1"}) {
    requests += std::string(line) + "\r\nHost: x\r\n\r\n\r\n";  // an empty line too many
  }
  requests += "GET / HTTP/1.1\r\nhost:x\r\nRANGE: bytes=1-2\r\nConnection: a, cLOSe\r\n\r\n";
  requests += "GET /long HTTP/1.1\r\nHost: x\r\n\r\n";  // behind the last that is answered
  for (const char c : requests) say(fd, {&c, 1});
  const std::string all = heard(fd);
  const std::size_t second = all.find("HTTP/1.1 200", 10);
  EXPECT_EQ(body(all.substr(0, second)), std::string(300'000, 'x'));
  const std::size_t third = all.find("HTTP/1.1 404");
  EXPECT_EQ(field(all.substr(second, third - second), "Content-Length"), "300000");
  EXPECT_EQ(body(all.substr(second, third - second)), "");
  const std::size_t fourth = all.find("HTTP/1.1 200", third);
  EXPECT_EQ(body(all.substr(third, fourth - third)), "404 Not Found\n");
  const std::size_t last = all.find("HTTP/1.1 206");
  EXPECT_EQ(body(all.substr(fourth, last - fourth)), "hello");
  EXPECT_EQ(field(all.substr(last), "Connection"), "close");
  EXPECT_EQ(body(all.substr(last)), "el(end)");  // no reset for what was not read
  (void)client().close(fd, hosts.now());
  hosts.settle();
  EXPECT_EQ(hosts.sockets(1).open_sockets(), 2U);  // the listeners
}

TEST_F(HttpService, WhatIsWrongIsNamed) {
  const auto first_line = [this](const std::string& request) {
    const std::string answer = ask(request);
    return answer.substr(0, answer.find("\r\n"));
  };
  const std::string host = "\r\nHost: x\r\n\r\n";
  EXPECT_EQ(first_line("GET / HTTP/2.0" + host), "HTTP/1.1 505 HTTP Version Not Supported");
  EXPECT_EQ(first_line("GET / HTTP/0.9" + host), "HTTP/1.1 505 HTTP Version Not Supported");
  EXPECT_EQ(first_line("BREW / HTTP/1.1" + host), "HTTP/1.1 501 Not Implemented");
  EXPECT_EQ(first_line("get / HTTP/1.1" + host), "HTTP/1.1 501 Not Implemented");
  const std::string refused = ask("POST / HTTP/1.1" + host);
  EXPECT_EQ(status(refused), "HTTP/1.1 405");
  EXPECT_EQ(field(refused, "Allow"), "GET, HEAD");
  EXPECT_EQ(first_line("OPTIONS * HTTP/1.1" + host), "HTTP/1.1 405 Method Not Allowed");
  EXPECT_EQ(first_line("GET /" + std::string(9000, 'a') + " HTTP/1.1" + host),
            "HTTP/1.1 414 URI Too Long");
  EXPECT_EQ(first_line("GET /" + std::string(20'000, 'a')), "HTTP/1.1 414 URI Too Long");
  EXPECT_EQ(first_line("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(17'000, 'a') + host),
            "HTTP/1.1 431 Request Header Fields Too Large");
  for (const std::string& wrong :
       {"nonsense" + host, "GET /" + host, "GET  / HTTP/1.1" + host, "GET / HTTP/1.1 " + host,
        "GET /a b HTTP/1.1" + host, "GET / HTTP/1.x" + host, "GET / http/1.1" + host,
        "G(T / HTTP/1.1" + host, std::string("GET / HTTP/1.1\r\n\r\n"),
        "GET / HTTP/1.1\r\nHost: y" + host, "GET / HTTP/1.1\r\nX : y" + host,
        "GET / HTTP/1.1\r\nX" + host, "GET / HTTP/1.1\r\nX: y\r\n z" + host,
        "GET / HTTP/1.1\r\nX: a\nb" + host}) {
    EXPECT_EQ(first_line(wrong), "HTTP/1.1 400 Bad Request") << wrong;
  }
  EXPECT_EQ(status(ask("GET / HTTP/1.0\r\n\r\n")), "HTTP/1.1 200");  // Host came with 1.1
  EXPECT_EQ(status(ask("GET / HTTP/1.9" + host)), "HTTP/1.1 200");
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

/// Links are followed within the folder and no further, wherever on the path they stand.
TEST_F(HttpService, NoLinkLeadsOut) {
  fs::create_symlink("deep/a b", folder / "inside");
  fs::create_symlink("../secret", folder / "outside");
  fs::create_symlink("..", folder / "up");
  fs::create_symlink(outside / "secret", folder / "far");
  fs::create_symlink("/proc/self/cwd", folder / "magic");
  fs::create_symlink("circle", folder / "circle");
  EXPECT_EQ(body(get("/inside")), "deep");
  for (const std::string_view target :
       {"/outside", "/up/secret", "/up/", "/up/served/index.html", "/far", "/magic/"}) {
    EXPECT_EQ(status(get(std::string(target))), "HTTP/1.1 403") << target;
  }
  EXPECT_EQ(status(get("/circle")), "HTTP/1.1 404");
  fs::create_symlink("../../secret", folder / "deep" / "index.html");
  EXPECT_EQ(get("/deep/").find("secret"), std::string::npos);
}

TEST_F(HttpService, HeadHasNoBodyWhateverTheAnswer) {
  const socket::Fd fd = connect();
  say(fd,
      "HEAD /nothing HTTP/1.1\r\nHost: x\r\n\r\nHEAD /../x HTTP/1.1\r\nHost: x\r\n\r\n"
      "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
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
       {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\nGET /deep HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\nGET /deep HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:chunked\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "nonsense\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nConnection:Close\r\n\r\n"}) {
    const std::string answer = ask(request);
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos) << request;
    EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << answer;  // one answer only
    EXPECT_TRUE(answer.ends_with("(end)")) << answer;
  }
}

TEST_F(HttpService, ARequestWithoutEnd) {
  const socket::Fd fd = connect();
  say(fd, "GET / HTTP/1.1\r\n");
  for (int i = 0; i < 1000; ++i) say(fd, "X-Header: 0123456789\r\n");
  EXPECT_EQ(status(heard(fd)), "HTTP/1.1 431");
}

/// After the last answer what still comes is thrown away, but not without end.
TEST_F(HttpService, WhoNeverStopsIsReset) {
  const socket::Fd fd = connect();
  say(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n");
  EXPECT_EQ(status(heard(fd)), "HTTP/1.1 405");
  const std::string part(50'000, 'x');
  std::size_t sent = 0;
  while (*client().state(fd) != tcp::State::closed && sent < 10'000'000) {
    say(fd, part);
    sent += part.size();
  }
  EXPECT_GE(sent, 1'000'000U);
  EXPECT_LT(sent, 2'000'000U);
}

/// What was announced is what comes; where that can't be, the connection is reset, since a FIN
/// would say that this was all.
TEST_F(HttpService, AFileThatChangesWhileItIsSent) {
  write(folder / "long", std::string(2'000'000, 'x'));
  const socket::Fd grown = connect();
  say(grown, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
  std::ofstream(folder / "long", std::ios::app) << std::string(1000, 'y');
  const std::string whole = heard(grown);
  EXPECT_TRUE(whole.ends_with("xxx"));
  EXPECT_EQ(whole.size(), whole.find("\r\n\r\n") + 4 + 2'000'000U);
  const socket::Fd cut = connect();
  say(cut, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
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
