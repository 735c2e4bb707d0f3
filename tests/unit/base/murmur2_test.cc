// SPDX-License-Identifier: Apache-2.0
// Known answers of Kafka's Java client. Source: Apache Kafka, UtilsTest.testMurmur2.
#include "base/murmur2.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "support/hex.h"

namespace millrace {
namespace {

std::span<const std::byte> bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

struct Known {
  const char* name;
  const char* key;
  std::int32_t java;  // as Java prints it: signed
};
class Murmur2 : public testing::TestWithParam<Known> {};
TEST_P(Murmur2, EqualsTheJavaClients) {
  const test::ExactBytes key(bytes(GetParam().key));
  EXPECT_EQ(static_cast<std::int32_t>(murmur2(key.span())), GetParam().java);
  EXPECT_EQ(partition_hash(key.span()), static_cast<std::uint32_t>(GetParam().java) & 0x7FFF'FFFFU);
}
INSTANTIATE_TEST_SUITE_P(
    Java, Murmur2,
    testing::Values(Known{"empty", "", 275'646'681}, Known{"two_bytes", "21", -973'932'308},
                    Known{"six_bytes", "foobar", -790'332'482}, Known{"three_bytes", "abc", 479'470'107},
                    Known{"whole_words", "a-little-bit-long-string", -985'981'536},
                    Known{"one_byte_left", "a-little-bit-longer-string", -1'486'304'829},
                    Known{"long", "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58'897'971}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Murmur2Bytes, AreUnsigned) {
  // Java masks each byte with 0xff; a sign-extended one would change the words before it.
  const test::ExactBytes key("ff fe 80");
  const test::ExactBytes word("ff fe 80 81");
  EXPECT_EQ(murmur2(key.span()), 4134240899U);
  EXPECT_EQ(murmur2(word.span()), 1055649942U);
}

}  // namespace
}  // namespace millrace
