// SPDX-License-Identifier: Apache-2.0
#include "base/reason_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace millrace {
namespace {

TEST(ReasonTable, NamesAreUniqueAndFindTheirReason) {
  std::set<std::string_view> names;
  for (const ReasonInfo& info : all_reasons()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_EQ(parse_reason(info.name), info.code);
    EXPECT_EQ(&reason_info(info.code), &info);
    EXPECT_TRUE(info.meaning.ends_with('.')) << info.name;
    EXPECT_TRUE(info.remedy.ends_with('.')) << info.name;
    for (const char c : info.name) EXPECT_TRUE((c >= 'A' && c <= 'Z') || c == '_') << info.name;
  }
  EXPECT_EQ(parse_reason("NOPE"), std::nullopt);
}

TEST(ReasonTable, ExitCodesAreThoseOfTheGroups) {
  std::set<int> groups;
  for (const ExitCodeGroup& group : exit_code_groups()) groups.insert(group.exit_code);
  for (const ReasonInfo& info : all_reasons()) {
    EXPECT_TRUE(groups.contains(info.exit_code)) << info.name;
    // deploy/systemd/millrace.service restarts on every other exit code.
    EXPECT_EQ(info.restart, info.exit_code == 4 || info.exit_code == 70) << info.name;
  }
}

TEST(Reason, TravelsWithAStatus) {
  const absl::Status status = reason_error(ReasonCode::kSlotMissing, "slot \"s\" is gone");
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(reason_of(status), ReasonCode::kSlotMissing);
  EXPECT_EQ(reason_of(with_reason(status, ReasonCode::kSourceGap)), ReasonCode::kSourceGap);
  EXPECT_EQ(reason_of(absl::OkStatus()), ReasonCode::kOk);
  EXPECT_EQ(reason_of(absl::InternalError("x")), ReasonCode::kInternal);
  EXPECT_TRUE(with_reason(absl::OkStatus(), ReasonCode::kInternal).ok());
}

TEST(Reason, IsDescribedWithItsRemedy) {
  EXPECT_EQ(describe_stop(reason_error(ReasonCode::kWalLevel, "wal_level is replica")),
            "WAL_LEVEL: wal_level is replica\n"
            "  ALTER SYSTEM SET wal_level = logical; then restart the server.");
  EXPECT_THAT(describe_stop(reason_error(ReasonCode::kWalLevel, "")), testing::HasSubstr("does not log"));
  EXPECT_EQ(describe_stop(absl::OkStatus()), "OK");
}

TEST(ReasonTable, CommittedDocumentIsWhatIsGenerated) {
  std::ifstream file(std::string(MILLRACE_SOURCE_DIR) + "/docs/exit-codes.md");
  std::stringstream committed;
  committed << file.rdbuf();
  EXPECT_EQ(committed.str(), exit_codes_markdown()) << "run: millrace docs exit-codes > docs/exit-codes.md";
}

}  // namespace
}  // namespace millrace
