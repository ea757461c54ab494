// The state table (tcp/table.hpp) for people: what its states and events mean, what is sent with
// each row, and the whole of it as text, as a graph for other tools, and as a diagram.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "insight/text.hpp"
#include "tcp/table.hpp"

namespace lastack::insight {

[[nodiscard]] Text meaning(tcp::State state);
[[nodiscard]] Text meaning(tcp::Event event);

/// The segment that goes out with this change of state: "SYN", "SYN,ACK", "ACK", "FIN", "RST";
/// empty where none does, "(RST)" where it depends: on unread data, or on keepalive having asked. A
/// FIN carries ACK, as every segment of an open connection.
[[nodiscard]] std::string_view sends(const tcp::Row& row);

/// Rows that lead from one state or to one; all of them where neither is named.
struct RowFilter {
  std::optional<tcp::State> from{};
  std::optional<tcp::State> to{};
};
[[nodiscard]] std::vector<tcp::Row> rows(const RowFilter& filter);

/// The rows under the state they lead from, and below what their events are; lines ended by '\n'.
[[nodiscard]] std::string as_text(const std::vector<tcp::Row>& rows, Language language);
/// A stateDiagram of Mermaid; rows between the same two states share an arrow.
[[nodiscard]] std::string as_mermaid(const std::vector<tcp::Row>& rows);
/// A digraph of Graphviz.
[[nodiscard]] std::string as_dot(const std::vector<tcp::Row>& rows);
/// The classic diagram: every state at its place, arrows of `rows` only. What leads to CLOSED from
/// nearly everywhere is listed below it.
[[nodiscard]] std::string as_svg(const std::vector<tcp::Row>& rows);

}  // namespace lastack::insight
