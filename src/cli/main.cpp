// lastack: the TCP that closes right and can tell you why.
#include <fmt/core.h>

#include <exception>

#include "cli/command.hpp"
#include "cli/manual.hpp"
#include "lastack/version.hpp"

namespace {

lastack::cli::Manual program_manual() {
  using namespace lastack::cli;
  return {.summary = "a TCP/IP host in user space that closes right and can tell you why",
          .description =
              "Shows how TCP connections open and close on a TCP of its own: scenarios as "
              "ladders, the table of states, every state that two ends can get into, trials over "
              "bad wires; and serves over a TUN device, where the other end is this machine's "
              "kernel.",
          .examples = {{"lastack demo half-close", "a good first step"},
                       {"lastack states --from CLOSE_WAIT", "where a state leads"}},
          .exit_codes = {{kOk, "fine"},
                         {kFailed, "failed"},
                         {kUsage, "wrong usage"},
                         {kNothingFound, "nothing found"}}};
}

}  // namespace

int main(int argc, char** argv) {
  using namespace lastack::cli;
  Command app("lastack", program_manual());
  app.set_version_flag("--version", std::string("lastack ") + lastack::version(),
                       "print the version and end");
  app.require_subcommand(1);
  add_tour(app);
  add_demo(app);
  add_states(app);
  add_explore(app);
  add_sim(app);
  add_bench(app);
  add_serve(app);
  add_ss(app);
  add_trace(app);
  add_ask(app);
  add_completion(app);
  add_man(app);  // the last: it names all the others
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
