// Octets copied whole, wherever they lie in their pages.
#include "base/copy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace lastack {
namespace {

TEST(CopyOctets, AllOfThemAndNoOther) {
  constexpr std::size_t kPage = 4096;
  constexpr std::byte kUntouched{0xee};
  std::vector<std::byte> source(3 * kPage);
  for (std::size_t i = 0; i < source.size(); ++i)
    source[i] = static_cast<std::byte>(i * 7 + i / 256);
  for (const std::size_t size :
       {0U, 1U, 2U, 3U, 4U, 7U, 8U, 9U, 15U, 16U, 17U, 1535U, 1536U, 1537U, 3072U, 4000U, 7000U}) {
    for (const std::size_t further : {0U, 1U, 16U, 63U, 64U, 100U, 4095U}) {
      // As far on in its page as the source, and `further` more.
      std::vector<std::byte> target(4 * kPage, kUntouched);
      const auto place = [](const std::byte* at) {
        return std::bit_cast<std::uintptr_t>(at) % kPage;
      };
      const std::size_t at =
          (place(source.data()) + further + kPage - place(target.data())) % kPage + 1;
      copy_octets(std::span(source).subspan(1, size), std::span(target).subspan(at));
      EXPECT_TRUE(std::ranges::equal(std::span(source).subspan(1, size),
                                     std::span(target).subspan(at, size)))
          << size << " octets, " << further << " further on";
      const auto untouched = [&](std::byte octet) { return octet == kUntouched; };
      EXPECT_TRUE(std::ranges::all_of(std::span(target).first(at), untouched));
      EXPECT_TRUE(std::ranges::all_of(std::span(target).subspan(at + size), untouched));
    }
  }
}

}  // namespace
}  // namespace lastack
