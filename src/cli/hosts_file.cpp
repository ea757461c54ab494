#include "cli/hosts_file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include "cli/command.hpp"

namespace lastack::cli {
namespace {

bool is_same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

std::optional<wire::IpAddress> find_name(std::string_view hosts, std::string_view name,
                                         std::optional<wire::Family> family) {
  std::istringstream lines{std::string(hosts)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string word;
    words >> word;
    const auto address = wire::IpAddress::parse(word);
    if (!address || (family && address->family() != *family)) continue;
    while (words >> word) {
      if (is_same_name(word, name)) return address;
    }
  }
  return std::nullopt;
}

wire::IpAddress address_of_host(const std::string& text, std::optional<wire::Family> family) {
  const char* which = !family ? "" : *family == wire::Family::v4 ? "IPv4 " : "IPv6 ";
  if (const auto address = wire::IpAddress::parse(text)) {
    if (!family || address->family() == *family) return *address;
    throw Failure{fmt::format("'{}' is no {}address", text, which), kUsage};
  }
  std::ifstream file("/etc/hosts");
  const std::string hosts(std::istreambuf_iterator<char>(file), {});
  if (const auto address = find_name(hosts, text, family)) return *address;
  throw Failure{fmt::format("'{}' is no address, and /etc/hosts has no {}address for that name\n"
                            "  names are not looked up further: getent hosts {}",
                            text, which, text),
                kUsage};
}

}  // namespace lastack::cli
