// lastack tour: the first ten seconds. A ladder; then the kernel's own curl and ss at the other
// end.
#include <fcntl.h>
#include <fmt/core.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include "cli/command.hpp"
#include "cli/manual.hpp"
#include "insight/scenarios.hpp"

namespace lastack::cli {
namespace {

void show_ladder(insight::Language language) {
  const insight::Scenario& scenario = *insight::find_scenario("half-close");
  insight::Stage stage(language, {});
  scenario.play(stage);
  const auto ladder = stage.finish(std::string(scenario.title.in(language)));
  fmt::print("{}\n", render(ladder, {.ascii = !speaks_utf8(), .colour = takes_colour()}));
}

/// The second act, as a script: everything in it is what a user would type. It runs in a network
/// namespace of its own, so that nothing of the machine's network is touched.
constexpr const char* kScript = R"(set -eu
lastack=$1 folder=$2
export XDG_RUNTIME_DIR=$folder
ip link set lo up
echo '<h1>from a TCP of its own</h1>' > "$folder/index.html"
"$lastack" serve http 80="$folder" forget 9 --tun la0 --ip 10.9.0.2/24 --peer 10.9.0.1 > "$folder/log" &
server=$!
trap 'kill $server; wait $server' EXIT
for i in 1 2 3 4 5 6 7 8 9 10; do grep -q ready "$folder/log" && break; sleep 0.1; done
say() { echo; echo "\$ $*"; "$@"; }
say curl -s http://10.9.0.2/
echo
echo "a client half-closes, and lastack's side does not close yet:"
python3 - <<'PY' &
import socket, time
s = socket.create_connection(("10.9.0.2", 9))
s.shutdown(socket.SHUT_WR)
time.sleep(2)
PY
sleep 0.5
echo; echo '$ ss -tn    (the kernel)'; ss -tn | sed -n '1p;/:9 /p'
echo; echo '$ lastack ss -e'; "$lastack" ss -e
)";

/// Goes into a namespace where TUN devices can be made, as root or as an ordinary user.
bool enter_namespace() {
  if (::geteuid() == 0) return ::unshare(CLONE_NEWNET) == 0;
  const uid_t user = ::getuid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << fmt::format("0 {} 1", user);
  return ::getuid() == 0;
}

void show_first_wire() {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  std::string folder = std::filesystem::temp_directory_path() / "lastack-tour-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    throw Failure{fmt::format("can't make a folder in {}: {}",
                              std::filesystem::temp_directory_path().string(),
                              std::strerror(errno))};
  }
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    if (!enter_namespace()) ::_exit(77);
    ::execlp("bash", "bash", "-c", kScript, "tour", self.c_str(), folder.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  std::filesystem::remove_all(folder);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
    fmt::print(
        "\nNo network namespace can be made here: as root the tour would go on with the "
        "kernel's\ncurl fetching a page over a TUN device.\n");
  } else if (status != 0) {
    throw Failure{"the second half of the tour failed; see above"};
  }
}

Manual tour_manual() {
  return {.summary = "a ladder, then the kernel's curl over a TUN device",
          .description =
              "The first ten seconds: the half-close as a ladder; then lastack serve in a network "
              "namespace of its own, curl fetching a page from it over a TUN device, and a "
              "half-closed connection as the kernel's ss and as lastack ss show it. Nothing of "
              "the machine's own network is touched. Where no namespace can be made, it ends "
              "after the ladder and says so.",
          .examples = {{"lastack tour", "all of it"}},
          .exit_codes = {{kOk, "it went to its end"},
                         {kFailed, "its second half failed"},
                         {kUsage, "wrong usage"}}};
}

}  // namespace

void add_tour(CLI::App& app) {
  auto language = std::make_shared<std::string>("en");
  CLI::App* tour = add_command(app, "tour", tour_manual());
  tour->add_option("--lang", *language, "language of the sentences")
      ->check(CLI::IsMember({"en", "zh"}))
      ->capture_default_str();
  tour->callback([language] {
    show_ladder(*language == "zh" ? insight::Language::chinese : insight::Language::english);
    fmt::print("Now over a real wire, with this machine's kernel at the other end.\n");
    show_first_wire();
    fmt::print(
        "\ntry next:\n  lastack demo --list              every way a connection begins and ends\n "
        " lastack demo close --drop 3      lose a segment and see\n  lastack explore              "
        "    every state there is\n  lastack serve --help             serve something of your "
        "own\n");
  });
}

}  // namespace lastack::cli
