// What runs of one network tell each other: what is written is read again, all else is left out.
#include "run/announcement.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace lastack::run {
namespace {

wire::IpAddress ip(std::string_view text) { return *wire::IpAddress::parse(text); }

TEST(Announcement, IsReadAsItIsWritten) {
  Announcement told;
  told.yours = {ip("10.0.2.16"), ip("fd00:2::16")};
  told.addresses = {ip("10.0.2.15"), ip("10.1.0.1")};
  told.names = {{"web", ip("10.1.0.1")}, {"lab", ip("0.0.0.0")}};
  told.one_by_one = true;
  told.refusal = "it is full";
  const Announcement read = Announcement::read(told.text());
  EXPECT_EQ(read.yours, told.yours);
  EXPECT_EQ(read.addresses, told.addresses);
  EXPECT_EQ(read.names, told.names);
  EXPECT_TRUE(read.one_by_one);
  EXPECT_EQ(read.refusal, told.refusal);
}

TEST(Announcement, KeepsNamesOfTheLoopbackToItself) {
  Announcement told;
  told.names = {{"db", ip("127.0.0.7")}, {"six", ip("::1")}, {"web", ip("10.1.0.1")}};
  EXPECT_EQ(Announcement::read(told.text()).names,
            (std::vector<HostName>{{"web", ip("10.1.0.1")}}));
}

TEST(Announcement, LeavesOutWhatItDoesNotKnow) {
  const Announcement read = Announcement::read(
      "address\naddress nowhere\nname 10.0.0.1\nname x y\nsomething 10.0.0.2\n\n");
  EXPECT_TRUE(read.yours.empty());
  EXPECT_TRUE(read.addresses.empty());
  EXPECT_TRUE(read.names.empty());
  EXPECT_FALSE(read.one_by_one);
  EXPECT_EQ(read.refusal, "");
}

TEST(Announcement, NobodyIsJoinedWhereNobodyIs) {
  EXPECT_EQ(join("/nowhere/at/all.run", {}).error(), ENOENT);
  EXPECT_EQ(join(std::string(200, 'x'), {}).error(), ENAMETOOLONG);
}

}  // namespace
}  // namespace lastack::run
