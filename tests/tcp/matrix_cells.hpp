// Reads matrix.tsv. What the columns mean stands at the top of that file.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace lastack_test {

struct Cell {
  int line = 0;
  std::string state;  ///< a state, perhaps with /passive, /active or /orphan
  std::string event;
  std::string next;  ///< the state after
  std::string reply;
  std::string effect;
  std::string section;
  std::string note;

  /// The state's own name: "FIN_WAIT_2" of "FIN_WAIT_2/orphan".
  [[nodiscard]] std::string base() const { return state.substr(0, state.find('/')); }
};

inline std::vector<std::string> split_tabs(const std::string& text) {
  std::vector<std::string> fields{""};
  for (const char c : text) {
    if (c == '\t') {
      fields.emplace_back();
    } else {
      fields.back().push_back(c);
    }
  }
  return fields;
}

/// Every line of the matrix in its order; a line with too few fields ends up with an empty `next`,
/// which the test of the file's own shape reports.
inline std::vector<Cell> read_matrix() {
  std::ifstream file(std::filesystem::path(LASTACK_SOURCE_DIR) / "tests/tcp/matrix.tsv");
  std::vector<Cell> cells;
  std::string text;
  for (int line = 1; std::getline(file, text); ++line) {
    if (text.empty() || text.front() == '#' || text.starts_with("state\t")) continue;
    auto fields = split_tabs(text);
    fields.resize(7);
    cells.push_back(
        {line, fields[0], fields[1], fields[2], fields[3], fields[4], fields[5], fields[6]});
  }
  return cells;
}

}  // namespace lastack_test
