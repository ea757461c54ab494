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
#include <optional>

#include "cli/command.hpp"
#include "cli/doctor.hpp"
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
lastack=$1 folder=$2 missing=
for program in ip ss curl python3; do
  command -v $program > "$folder/log" || missing="$missing $program"
done
if [ -n "$missing" ]; then
  echo; echo "Not shown here, since these programs are missing:$missing"
  echo "  apt-get install iproute2 curl python3"
  exit 77
fi
export XDG_RUNTIME_DIR=$folder
ip link set lo up
echo '<h1>from a TCP of its own</h1>' > "$folder/index.html"
"$lastack" serve http 80="$folder" forget 9 --tun la0 --ip 10.9.0.2/24 --peer 10.9.0.1 > "$folder/log" &
server=$! client=
trap 'kill $client $server; wait' EXIT
until grep -q ready "$folder/log"; do kill -0 $server; sleep 0.05; done
say() { echo; echo "\$ $*"; "$@"; }
say curl -s http://10.9.0.2/
echo
echo "a client half-closes, and lastack's side does not close yet:"
python3 - <<'PY' &
import signal, socket
s = socket.create_connection(("10.9.0.2", 9))
s.shutdown(socket.SHUT_WR)
signal.pause()
PY
client=$!
until ss -tn | grep -q FIN-WAIT-2; do kill -0 $client; sleep 0.05; done
echo; echo '$ ss -tn    (the kernel)'; ss -tn | sed -n '1p;/:9 /p'
echo; echo '$ lastack ss -e'; "$lastack" ss -e
)";

constexpr int kNotHere = 77;  // the process of the second act has said what is missing

/// Goes into a namespace where TUN devices can be made, as root or as an ordinary user.
bool enter_namespace() {
  if (::geteuid() == 0 && ::unshare(CLONE_NEWNET) == 0) return true;
  const uid_t user = ::getuid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << fmt::format("0 {} 1", user);
  return ::getuid() == 0;
}

/// Of two things that are needed, the one that is not there; nothing where both are.
std::optional<Finding> what_is_missing() {
  if (Finding tun = find_tun(); !tun.works) return tun;
  if (::geteuid() == 0) return std::nullopt;  // in whatever way: enter_namespace() tries
  if (Finding namespaces = find_user_namespaces(); !namespaces.works) return namespaces;
  return std::nullopt;
}

/// The second act, in a process of its own; ends that process.
[[noreturn]] void play_first_wire(const std::string& self, const std::string& folder) {
  auto missing = what_is_missing();
  if (!missing && !enter_namespace()) missing = find_user_namespaces();
  if (missing) {
    fmt::print("\nNot shown here, for want of {}: {}\n  {}\n", missing->name, missing->what,
               missing->remedy);
    std::fflush(stdout);
    ::_exit(kNotHere);
  }
  ::execlp("bash", "bash", "-c", kScript, "tour", self.c_str(), folder.c_str(), nullptr);
  fmt::print(stderr, "lastack: can't run bash: {}\n", std::strerror(errno));
  ::_exit(127);
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
  if (child == 0) play_first_wire(self, folder);
  int status = 0;
  ::waitpid(child, &status, 0);
  std::filesystem::remove_all(folder);
  const bool told_why = WIFEXITED(status) && WEXITSTATUS(status) == kNotHere;
  if (status != 0 && !told_why) {
    throw Failure{"the second half of the tour failed; see above"};
  }
}

Manual tour_manual() {
  return {.summary = "a ladder, then the kernel's curl over a TUN device",
          .description =
              "The first ten seconds: the half-close as a ladder; then lastack serve in a network "
              "namespace of its own, curl fetching a page from it over a TUN device, and a "
              "half-closed connection as the kernel's ss and as lastack ss show it. Nothing of "
              "the machine's own network is touched. Where an ordinary user can make no "
              "namespace, or something else is missing, it ends after the ladder and says what.",
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
        "\ntry next:\n"
        "  lastack demo --list              every way a connection begins and ends\n"
        "  lastack demo close --drop 3      lose a segment and see\n"
        "  lastack explore                  every state there is\n"
        "  lastack run --help               a program of yours on this TCP, without root\n"
        "  lastack serve --help             serve something of your own\n");
  });
}

}  // namespace lastack::cli
