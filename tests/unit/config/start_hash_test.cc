// SPDX-License-Identifier: Apache-2.0
#include "unit/config/parsing.h"

#include <gtest/gtest.h>

namespace millrace::config {
namespace {

std::uint64_t hash_with(std::string_view more) {
  return start_options_hash(parse_text(file_with(more)).value().pipelines.front());
}

TEST(StartOptionsHash, FollowsWhatShapesMessages) {
  const std::uint64_t plain = hash_with("");
  for (const char* change :
       {"schemas.enable: false\n", "tombstones.on.delete: false\n", "table.include.list: a\n",
        "skipped.operations: none\n", "publish.via.partition.root: true\n"}) {
    EXPECT_NE(hash_with(change), plain) << change;
  }
}

TEST(StartOptionsHash, IgnoresHowTheyTravel) {
  const std::uint64_t plain = hash_with("");
  for (const char* change :
       {"database.port: 1\n", "database.password: x\n", "slot.name: other\n", "workers: 2\n",
        "pgoutput.binary: true\n", "memory.limit: 1 GiB\n", "checkpoint.file: x\n"}) {
    EXPECT_EQ(hash_with(change), plain) << change;
  }
}

TEST(StartOptionsHash, StaysTheSameFromBuildToBuild) {
  // Checkpoints keep it: another value here makes every stored position look like one of other options.
  EXPECT_EQ(start_options_hash(PipelineConfig{}), start_options_hash(PipelineConfig{}));
  EXPECT_EQ(hash_with(""), 10313349072093598109U);
}

}  // namespace
}  // namespace millrace::config
