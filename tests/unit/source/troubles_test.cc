// SPDX-License-Identifier: Apache-2.0
#include "source/troubles.h"

#include <gtest/gtest.h>

#include "base/reason_code.h"

namespace millrace {
namespace {

using Of = Troubles::Of;

absl::Status trouble(std::string_view words) { return reason_error(ReasonCode::kKafkaUnreachable, words); }

TEST(Troubles, TheNewestThatLastsIsTold) {
  Troubles troubles;
  EXPECT_TRUE(troubles.view().current.ok());
  troubles.add(Of::kSource, trouble("source"), 2'000);
  troubles.add(Of::kSink, trouble("sink"), 1'000);  // the clock was set back between them
  EXPECT_EQ(troubles.view().current.message(), "sink");
  EXPECT_EQ(troubles.view().current_us, 1'000);
  troubles.add(Of::kSink, absl::OkStatus(), 3'000);
  EXPECT_EQ(troubles.view().current.message(), "sink");
}

TEST(Troubles, OnesPassingLeavesTheOthers) {
  for (const Of whom : {Of::kSource, Of::kSink, Of::kCheckpoint}) {
    Troubles troubles;
    for (const Of each : {Of::kSource, Of::kSink, Of::kCheckpoint}) {
      troubles.add(each, trouble(each == whom ? "its own" : "another's"), 1);
    }
    troubles.add(whom, trouble("its own"), 2);
    troubles.passed(whom);
    EXPECT_EQ(troubles.view().current.message(), "another's");
  }
}

TEST(Troubles, WhatARunEndedWithLastsUntilASourceStreams) {
  Troubles troubles;
  troubles.add(Of::kRun, trouble("the run"), 1);
  troubles.passed(Of::kSink);
  troubles.passed(Of::kCheckpoint);
  EXPECT_EQ(troubles.view().current.message(), "the run");
  troubles.passed(Of::kSource);
  EXPECT_TRUE(troubles.view().current.ok());
  EXPECT_EQ(troubles.view().counts,
            (std::map<ReasonCode, std::uint64_t>{{ReasonCode::kKafkaUnreachable, 1}}));
}

}  // namespace
}  // namespace millrace
