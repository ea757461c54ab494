// The socket on which a running host is asked: whoever asks what, and however, the host lives on.
#include "control/control.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <thread>

namespace lastack::control {
namespace {

using Json = nlohmann::json;

/// A folder of the test's own as $XDG_RUNTIME_DIR.
class Control : public testing::Test {
 protected:
  Control() {
    std::string name = (std::filesystem::temp_directory_path() / "lastack-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    ::setenv("XDG_RUNTIME_DIR", folder.c_str(), 1);
  }
  ~Control() override {
    for (const int fd : clients) ::close(fd);
    std::filesystem::remove_all(folder);
  }

  void serve(Answer answer = [](const Json& request) { return Json{{"asked", request["ask"]}}; }) {
    server.emplace(loop, std::move(answer), 20ms);
  }
  [[nodiscard]] std::string path() const {
    return folder + "/lastack/" + std::to_string(::getpid()) + ".sock";
  }
  static sockaddr_un address(const std::string& path) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, path.data(), path.size());
    return at;
  }
  int connect() {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un at = address(path());
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    clients.push_back(fd);
    turn();
    return fd;
  }
  /// Lets the server do all that is to be done now.
  void turn() {
    for (int i = 0; i < 5; ++i) loop.wait(TimePoint{});
  }
  void say(int fd, std::string_view text) {
    ASSERT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
    turn();
  }
  /// What has come so far; "(end)" behind it where the server has hung up.
  static std::string heard(int fd) {
    std::string all;
    std::array<char, 65536> octets{};
    for (;;) {
      const ssize_t n = ::recv(fd, octets.data(), octets.size(), MSG_DONTWAIT);
      if (n < 0 && errno == EAGAIN) return all;
      if (n <= 0) return all + "(end)";
      all.append(octets.data(), static_cast<std::size_t>(n));
    }
  }

  std::string folder;
  io::EventLoop loop;
  std::optional<Server> server;
  std::vector<int> clients;
};

TEST_F(Control, GreetsAndAnswersLineByLine) {
  serve();
  const int fd = connect();
  const Json greeting = Json::parse(heard(fd));
  EXPECT_EQ(greeting["protocol"], kProtocol);
  EXPECT_EQ(greeting["pid"], ::getpid());
  say(fd, "{\"ask\":\"a\"}\n{\"ask\":");
  EXPECT_EQ(heard(fd), "{\"asked\":\"a\"}\n");
  say(fd, "\"b\"}\n");
  EXPECT_EQ(heard(fd), "{\"asked\":\"b\"}\n");
}

TEST_F(Control, OnlyTheUserMayAsk) {
  serve();
  struct stat status{};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat((folder + "/lastack").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(Control, WhatIsNoRequestIsSaidSo) {
  serve();
  const int fd = connect();
  (void)heard(fd);
  for (const std::string_view wrong :
       {"\n", "[]\n", "7\n", "{\n", "\"ask\"\n", "{}\n", "{\"ask\":1}\n", "{\"ask\":null}\n",
        "{\"ask\":{\"ask\":\"x\"}}\n", "\xff\xfe\n", "{\"ask\":\"\xff\"}\n"}) {
    say(fd, wrong);
    const std::string answer = heard(fd);
    EXPECT_TRUE(Json::parse(answer).contains("error")) << wrong << " " << answer;
  }
  say(fd, "{\"ask\":\"x\"}\n");
  EXPECT_EQ(heard(fd), "{\"asked\":\"x\"}\n");
}

TEST_F(Control, ALineWithoutEndEndsTheConversation) {
  serve();
  const int fd = connect();
  (void)heard(fd);
  const std::string part(4096, 'x');
  for (int i = 0; i < 15; ++i) say(fd, part);
  EXPECT_EQ(heard(fd), "");
  say(fd, part);
  EXPECT_EQ(heard(fd), "(end)");
}

/// A hundred large answers are asked for and none is read: the host is held up once, not each time.
TEST_F(Control, OneWhoDoesNotReadIsLetGo) {
  int answered = 0;
  serve([&answered](const Json&) {
    ++answered;
    return Json{{"text", std::string(1U << 20U, 'x')}};
  });
  const int fd = connect();
  std::string many;
  for (int i = 0; i < 100; ++i) many += "{\"ask\":\"x\"}\n";
  const TimePoint before = io::monotonic_now();
  say(fd, many);
  EXPECT_LT(io::monotonic_now() - before, 10s);
  EXPECT_EQ(answered, 1);
  EXPECT_TRUE(heard(fd).ends_with("(end)"));
  const int other = connect();
  (void)heard(other);
  say(other, "{\"ask\":\"x\"}\n");
  EXPECT_EQ(answered, 2);
}

/// Nor is more of a long list made than such a one takes.
TEST_F(Control, OneWhoDoesNotReadAListIsLetGo) {
  int made = 0;
  serve([&made](const Json&) -> Said {
    return {[&made](const TakeRow& take) {
      while (made < 10'000 && take(std::string(10'000, 'x'))) ++made;
    }};
  });
  const int fd = connect();
  say(fd, "{\"ask\":\"x\"}\n");
  EXPECT_LT(made, 5000);
  EXPECT_TRUE(heard(fd).ends_with("(end)"));
}

TEST_F(Control, SoManyAtOnce) {
  serve();
  for (int i = 0; i < 16; ++i) EXPECT_FALSE(heard(connect()).ends_with("(end)")) << i;
  EXPECT_EQ(heard(connect()), "(end)");
  ::shutdown(clients[0], SHUT_RDWR);
  turn();
  EXPECT_FALSE(heard(connect()).ends_with("(end)"));
}

TEST_F(Control, AnOldFileOfItsNameGivesWayAndALinkIsNotFollowed) {
  std::filesystem::create_directories(folder + "/lastack");
  const std::string elsewhere = folder + "/elsewhere";
  std::filesystem::create_symlink(elsewhere, path());
  serve();
  ASSERT_TRUE(server->listening());
  EXPECT_FALSE(std::filesystem::exists(elsewhere));
  connect();
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(path())));
}

TEST_F(Control, APathThatIsTooLongIsSaidAndNotCutShort) {
  const std::string deep = folder + "/" + std::string(100, 'd');
  ::setenv("XDG_RUNTIME_DIR", deep.c_str(), 1);
  serve();
  EXPECT_FALSE(server->listening());
  EXPECT_NE(server->why().find("too long"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(deep + "/lastack"));
  EXPECT_TRUE(ask(0, {{"ask", "x"}}).empty());
}

/// As a trace that is followed does; and a host that ends is told from one that says nothing.
TEST_F(Control, OneConversationOfManyQuestions) {
  int answered = 0;
  serve([&answered](const Json&) {
    ++answered;
    return Json{{"text", std::string(200'000, 'x')}, {"number", answered}};
  });
  EXPECT_EQ(hosts(), std::vector<int>{::getpid()});
  std::thread other([this] {
    auto client = Client::open(::getpid());
    ASSERT_TRUE(client);
    for (int i = 1; i <= 20; ++i) {
      const auto answer = client->ask({{"ask", "x"}});
      ASSERT_TRUE(answer);
      EXPECT_EQ((*answer)["number"], i);
    }
    Client moved = std::move(*client);
    EXPECT_TRUE(moved.ask({{"ask", "x"}}));
    EXPECT_FALSE(moved.ask({{"ask", "the last"}}));
  });
  while (answered < 21) loop.wait(kNever);
  server.reset();
  other.join();
  EXPECT_TRUE(hosts().empty());
  EXPECT_FALSE(Client::open(::getpid()));
}

/// One who answers nonsense in a host's place is passed over.
TEST_F(Control, AskingWhoIsNoHost) {
  std::filesystem::create_directories(folder + "/lastack");
  for (const std::string_view nonsense :
       {"", "\n", "[]\n", "7\n", "{\"protocol\":\"one\"}\n", "{\"protocol\":99}\n",
        "{\"protocol\":1}\nnot json\n", "{\"protocol\":1}\n"}) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un at = address(path());
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    ASSERT_EQ(::listen(fd, 1), 0);
    std::thread other([fd, nonsense] {
      const int client = ::accept(fd, nullptr, nullptr);
      ::send(client, nonsense.data(), nonsense.size(), MSG_NOSIGNAL);
      ::close(client);
    });
    EXPECT_TRUE(ask(0, {{"ask", "x"}}).empty()) << nonsense;
    other.join();
    ::close(fd);
    ::unlink(path().c_str());
  }
}

}  // namespace
}  // namespace lastack::control
