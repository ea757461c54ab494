// lastack: the TCP that closes right and can tell you why.
#include <fmt/core.h>

#include <exception>

#include "cli/command.hpp"
#include "lastack/version.hpp"

namespace {

constexpr const char* kAbout =
    "lastack: a TCP/IP host in user space that closes right and can tell you why.\n";
constexpr const char* kAfter =
    "\nexit codes: 0 fine, 1 failed, 2 wrong usage, 3 nothing found\n"
    "first steps: lastack demo half-close";

}  // namespace

int main(int argc, char** argv) {
  using namespace lastack::cli;
  CLI::App app{kAbout, "lastack"};
  app.footer(kAfter);
  app.set_version_flag("--version", std::string("lastack ") + lastack::version());
  app.require_subcommand(1);
  add_demo(app);
  add_explore(app);
  add_serve(app);
  add_ss(app);
  add_ask(app);
  add_tour(app);
  add_sim(app);
  add_bench(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  } catch (const Failure& failure) {
    fmt::print(stderr, "lastack: {}\n", failure.message);
    return failure.code;
  } catch (const std::exception& error) {
    fmt::print(stderr, "lastack: {}\n", error.what());
    return kFailed;
  }
  return kOk;
}
