// Sentences in the languages the views speak.
#pragma once

#include <cstdint>
#include <string_view>

namespace lastack::insight {

enum class Language : std::uint8_t { english, chinese };

/// A sentence in every language there is. State names and calls stand in it untranslated.
struct Text {
  std::string_view en;
  std::string_view zh;
  [[nodiscard]] constexpr std::string_view in(Language language) const {
    return language == Language::chinese ? zh : en;
  }
};

}  // namespace lastack::insight
