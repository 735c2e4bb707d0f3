// SPDX-License-Identifier: Apache-2.0
// Context headers: debezium-contract 1.9, 12.2.
#include "format/debezium/context_headers.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace millrace::debezium {
namespace {

TEST(ContextHeaders, HaveTheContractsNamesAndOrder) {
  const ContextHeaders headers = make_context_headers("p", "postgresql", "run");
  const auto pairs = headers.pairs();
  const std::pair<std::string_view, std::string_view> expected[] = {
      {"__debezium.context.connectorLogicalName", "p"},
      {"__debezium.context.taskId", "0"},
      {"__debezium.context.connectorName", "postgresql"},
      {"__debezium.context.runId", "run"}};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(pairs[i], expected[i]);
}

TEST(ContextHeaders, RunIdIsAVersion7Uuid) {
  // RFC 9562, appendix A.6: 017F22E2-79B0-7CC3-98C4-DC0C0C07398F, 0x17F22E279B0 ms after the epoch.
  const std::array<std::uint8_t, 10> random = {0x0C, 0xC3, 0x18, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F};
  std::array<std::byte, 10> bytes;
  for (std::size_t i = 0; i < 10; ++i) bytes[i] = std::byte{random[i]};
  EXPECT_EQ(uuid_v7(0x17F2'2E27'9B0, bytes), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

TEST(ContextHeaders, RandomBitsCannotChangeVersionAndVariant) {
  std::array<std::byte, 10> ones;
  ones.fill(std::byte{0xFF});
  EXPECT_EQ(uuid_v7(0, ones), "00000000-0000-7fff-bfff-ffffffffffff");
  std::array<std::byte, 10> zeros{};
  EXPECT_EQ(uuid_v7(0, zeros), "00000000-0000-7000-8000-000000000000");
}

}  // namespace
}  // namespace millrace::debezium
