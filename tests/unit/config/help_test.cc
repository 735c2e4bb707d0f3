// SPDX-License-Identifier: Apache-2.0
#include "config/help.h"

#include "config/option.h"
#include "config/substitute.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::config {
namespace {

TEST(Help, EveryOptionIsInEveryDocument) {
  const std::string help = options_help();
  const std::string markdown = configuration_markdown();
  const std::string schema = configuration_json_schema();
  for (const Option& option : all_options()) {
    EXPECT_THAT(help, testing::HasSubstr(option.help)) << option.name;
    EXPECT_THAT(markdown, testing::HasSubstr("`" + std::string(option.name) + "`"));
    EXPECT_THAT(schema, testing::HasSubstr("\"" + std::string(option.name) + "\""));
    ASSERT_TRUE(option_help(option.name).has_value());
  }
}

TEST(Help, OneOptionAtLength) {
  EXPECT_EQ(*option_help("slot.max.retries"),
            "slot.max.retries\n"
            "  How often to try again to start streaming while another connection holds the slot.\n\n"
            "  Allowed:  whole number, 0 to 1000000\n"
            "  Default:  6\n"
            "  Set for:  each pipeline\n");
  EXPECT_THAT(*option_help("max.batch.size"), testing::HasSubstr("Any value is accepted"));
  EXPECT_THAT(*option_help("plugin.name"), testing::HasSubstr("Accepted:  pgoutput"));
  EXPECT_EQ(option_help("nothing"), std::nullopt);
  EXPECT_EQ(nearest_option("slot.nmae"), "slot.name");
}

TEST(Help, CommittedDocumentIsWhatIsGenerated) {
  const absl::StatusOr<std::string> committed =
      read_small_file(std::string(MILLRACE_SOURCE_DIR) + "/docs/configuration.md", 1 << 20);
  ASSERT_TRUE(committed.ok());
  EXPECT_EQ(*committed, configuration_markdown())
      << "run: millrace docs configuration > docs/configuration.md";
}

}  // namespace
}  // namespace millrace::config
