// Names of hosts, as far as a program without a resolver knows any: those of /etc/hosts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "wire/address.hpp"

namespace lastack::cli {

/// The first address of `name` in `hosts`, text in the form of /etc/hosts (hosts(5)); of `family`,
/// where one is asked for. Names are compared without regard to case.
[[nodiscard]] std::optional<wire::IpAddress> find_name(std::string_view hosts,
                                                       std::string_view name,
                                                       std::optional<wire::Family> family);

/// An address, or a name of /etc/hosts. Throws Failure where it is neither, or of another family.
[[nodiscard]] wire::IpAddress address_of_host(const std::string& text,
                                              std::optional<wire::Family> family);

}  // namespace lastack::cli
