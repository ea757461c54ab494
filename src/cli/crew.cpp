#include "cli/crew.hpp"

#include <csignal>
#include <cstdint>
#include <future>
#include <string>
#include <utility>

namespace lastack::cli {
namespace {

using Json = nlohmann::json;

/// Numbers are added up, below one name after another.
void add_up(Json& sum, const Json& more) {
  if (sum.is_object()) {
    for (const auto& [name, value] : more.items()) {
      sum.contains(name) ? add_up(sum[name], value) : void(sum[name] = value);
    }
  } else if (sum.is_number_unsigned() && more.is_number_unsigned()) {
    sum = sum.get<std::uint64_t>() + more.get<std::uint64_t>();
  }
}

/// [[NAME, VALUE], ...], the same names everywhere.
void add_named_up(Json& sum, const Json& more) {
  for (std::size_t i = 0; i < sum.size() && i < more.size(); ++i) add_up(sum[i][1], more[i][1]);
}

}  // namespace

Json merged(const std::string& what, std::vector<Json> answers) {
  Json all = std::move(answers.front());
  for (std::size_t i = 1; i < answers.size(); ++i) {
    Json& next = answers[i];
    if (all.is_array() && next.is_array()) {
      for (Json& row : next) all.push_back(std::move(row));
    } else if (what == "counters") {
      add_up(all, next);
    } else if (what == "nstat") {
      add_named_up(all["counters"], next["counters"]);
    }
  }
  return all;
}

Crew::Crew(RealHost& first) : first_(first), mailbox_(first.loop()) {
  first_.ask_other = [this](std::size_t host, const Json& request) {
    return ask(*members_[host - 1], request);
  };
}

Crew::~Crew() {
  tell(SIGTERM);
  for (const auto& member : members_) member->thread.join();
  first_.ask_other = nullptr;
}

void Crew::add(RealHost& host, std::function<void()> run) {
  members_.push_back(std::make_unique<Member>(host));
  Member& member = *members_.back();
  ++running_;
  member.thread = std::thread([this, &member, run = std::move(run)] { this->run(member, run); });
}

/// A host that fails takes all with it: its flows are nobody else's.
void Crew::run(Member& member, const std::function<void()>& work) {
  bool failed = false;
  try {
    work();
  } catch (const Failure& failure) {
    failed = true;
    const std::scoped_lock lock(mutex_);
    if (!failure_) failure_ = failure;
  }
  member.mailbox.close();
  --running_;
  mailbox_.post([this, failed] {
    if (failed && first_.signal() == 0) first_.end(SIGTERM);
  });
}

void Crew::tell(int signal) {
  for (const auto& member : members_) {
    RealHost* const host = member->host;
    member->mailbox.post([host, signal] { host->end(signal); });
  }
}

void Crew::join() {
  while (running_ > 0) {
    if (first_.signal() != 0) tell(first_.signal());  // once more: now they wait for nothing
    first_.turn();
  }
  const std::scoped_lock lock(mutex_);
  if (failure_) throw Failure(*failure_);
}

Json Crew::ask(Member& member, const Json& request) {
  const auto promise = std::make_shared<std::promise<Json>>();
  auto answer = promise->get_future();
  const bool posted = member.mailbox.post(
      [host = member.host, promise, request] { promise->set_value(host->answer(request)); });
  return posted ? answer.get() : Json{{"error", "that host has ended"}};
}

}  // namespace lastack::cli
