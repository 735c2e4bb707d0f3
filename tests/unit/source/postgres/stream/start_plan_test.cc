// SPDX-License-Identifier: Apache-2.0
// What a start does, by what the checkpoint, the slot and the server say: a plan, or a refusal with its
// reason.
#include "source/postgres/stream/start_plan.h"

#include <gmock/gmock.h>

#include <functional>
#include <string>

#include "base/reason_code.h"

namespace millrace::postgres {
namespace {

using testing::HasSubstr;
using Kind = StartPlan::Kind;
using enum SnapshotWish;

ServerFacts server() {
  ServerFacts facts;
  facts.version_num = 170'004;
  facts.version_text = "17.4";
  facts.system_identifier = "7000000000000000001";
  facts.timeline = 2;
  facts.timeline_history = "1\t0/100\tno recovery target specified\n";
  facts.database = "db";
  facts.wal_level = "logical";
  facts.end_of_wal = 0x300;
  SlotFacts slot;
  slot.type = "logical";
  slot.plugin = "pgoutput";
  slot.database = "db";
  slot.confirmed_flush_lsn = 0x200;
  slot.restart_lsn = 0x180;
  slot.wal_status = "reserved";
  facts.slot = slot;
  return facts;
}

SourceIdentity identity() {
  return {"7000000000000000001", 2, "1\t0/100\tno recovery target specified\n", "db", "s"};
}

SourceResume resume_at(std::uint64_t lsn) {
  SourceResume resume;
  resume.position = to_position({lsn, lsn, {}});
  resume.identity = to_json(identity());
  return resume;
}

/// A change to what is found: nothing by default.
struct Case {
  const char* name;
  SnapshotWish wish = kInitial;
  std::optional<SourceResume> resume;
  std::function<void(ServerFacts&)> found = [](ServerFacts&) {};
  // What is expected: a plan, or a reason with words of its message.
  std::optional<Kind> kind;
  std::uint64_t position = 0;
  ReasonCode reason = ReasonCode::kOk;
  const char* says = "";
};
class StartPlanCase : public testing::TestWithParam<Case> {};
TEST_P(StartPlanCase, IsDecided) {
  const Case& c = GetParam();
  ServerFacts facts = server();
  c.found(facts);
  const absl::StatusOr<StartPlan> plan = plan_start(facts, "s", c.wish, c.resume);
  if (c.kind) {
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_EQ(plan->kind, *c.kind);
    EXPECT_EQ(plan->position.lsn, c.position);
    return;
  }
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(reason_of(plan.status()), c.reason) << plan.status();
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr(c.says));
}

Case plan(const char* name, SnapshotWish wish, std::optional<SourceResume> resume,
          std::function<void(ServerFacts&)> found, Kind kind, std::uint64_t position = 0) {
  return {name, wish, std::move(resume), std::move(found), kind, position, ReasonCode::kOk, ""};
}
Case refusal(const char* name, SnapshotWish wish, std::optional<SourceResume> resume,
             std::function<void(ServerFacts&)> found, ReasonCode reason, const char* says) {
  return {name, wish, std::move(resume), std::move(found), std::nullopt, 0, reason, says};
}

void as_is(ServerFacts&) {}
void without_slot(ServerFacts& facts) { facts.slot.reset(); }
SourceResume unfinished() {
  SourceResume resume = resume_at(0x250);
  resume.snapshot_unfinished = true;
  return resume;
}

std::string case_name(const testing::TestParamInfo<Case>& row) { return row.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Plans, StartPlanCase,
    testing::Values(
        plan("fresh", kInitial, {}, without_slot, Kind::kCreateAndSnapshot),
        plan("fresh_without_snapshot", kNoData, {}, without_slot, Kind::kCreateAndStream),
        plan("fresh_snapshot_only", kInitialOnly, {}, without_slot, Kind::kSnapshotOnly),
        plan("slot_without_checkpoint", kInitial, {}, as_is, Kind::kSnapshotBesideSlot),
        plan("slot_without_checkpoint_without_snapshot", kNoData, {}, as_is, Kind::kStream, 0x200),
        plan("slot_without_checkpoint_snapshot_only", kInitialOnly, {}, as_is, Kind::kSnapshotOnly),
        plan("slot_and_checkpoint", kInitial, resume_at(0x250), as_is, Kind::kStream, 0x250),
        plan("slot_and_checkpoint_without_snapshot", kNoData, resume_at(0x250), as_is, Kind::kStream, 0x250),
        plan("slot_and_checkpoint_snapshot_only", kInitialOnly, resume_at(0x250), as_is, Kind::kDone),
        plan("snapshot_only_done_though_the_slot_is_gone", kInitialOnly, resume_at(0x250), without_slot,
             Kind::kDone),
        plan("checkpoint_right_at_confirmed", kInitial, resume_at(0x200), as_is, Kind::kStream, 0x200),
        plan("checkpoint_right_at_the_end", kInitial, resume_at(0x300), as_is, Kind::kStream, 0x300),
        plan("snapshot_was_cut_off", kInitial, unfinished(), as_is, Kind::kSnapshotBesideSlot),
        plan("snapshot_was_cut_off_and_the_slot_with_it", kInitial, unfinished(), without_slot,
             Kind::kCreateAndSnapshot),
        plan("snapshot_only_was_cut_off", kInitialOnly, unfinished(), as_is, Kind::kSnapshotOnly),
        plan(
            "standby_of_16", kInitial, resume_at(0x250),
            [](ServerFacts& f) { f.in_recovery = true, f.version_num = 160'000; }, Kind::kStream, 0x250),
        plan(
            "oldest_version", kInitial, {}, [](ServerFacts& f) { f.version_num = 130'000, f.slot.reset(); },
            Kind::kCreateAndSnapshot),
        plan(
            "promoted_behind_the_position", kInitial, resume_at(0x250),
            [](ServerFacts& f) {
              f.timeline = 3;
              f.timeline_history = "1\t0/100\tx\n2\t0/250\tx\n";
            },
            Kind::kStream, 0x250),
        plan(
            "promoted_twice", kInitial, resume_at(0x250),
            [](ServerFacts& f) {
              f.timeline = 4;
              f.timeline_history = "1\t0/100\tx\n\n2\t0/260\tx\n3\t0/290\tx\n";
            },
            Kind::kStream, 0x250),
        plan(
            "synced_slot_after_promotion", kInitial, resume_at(0x250),
            [](ServerFacts& f) { f.slot->synced = true; }, Kind::kStream, 0x250),
        plan(
            "checkpoint_without_identity", kInitial,
            [] {
              SourceResume resume = resume_at(0x250);
              resume.identity.clear();
              return resume;
            }(),
            as_is, Kind::kStream, 0x250)),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Servers, StartPlanCase,
    testing::Values(refusal(
                        "version_12", kInitial, {},
                        [](ServerFacts& f) { f.version_num = 120'099, f.version_text = "12.99"; },
                        ReasonCode::kServerVersion,
                        "the server is version 12.99, millrace reads 13 and newer"),
                    refusal(
                        "standby_of_15", kInitial, {},
                        [](ServerFacts& f) { f.in_recovery = true, f.version_num = 150'000; },
                        ReasonCode::kServerVersion, "Connect to the primary"),
                    refusal(
                        "wal_level", kInitial, {}, [](ServerFacts& f) { f.wal_level = "replica"; },
                        ReasonCode::kWalLevel, "ALTER SYSTEM SET wal_level = 'logical'")),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Slots, StartPlanCase,
    testing::Values(
        refusal("gone", kInitial, resume_at(0x250), without_slot, ReasonCode::kSlotMissing,
                "slot \"s\" is gone, and with it the log behind the delivered position 0/250 (the server is "
                "at 0/300)"),
        refusal("confirmed_above_ours", kInitial, resume_at(0x1FF), as_is, ReasonCode::kSourceGap,
                "slot \"s\" is confirmed up to 0/200, above the delivered position 0/1FF"),
        refusal(
            "physical", kInitial, {}, [](ServerFacts& f) { f.slot->type = "physical", f.slot->plugin = ""; },
            ReasonCode::kSlotWrongPlugin, "slot \"s\" is physical"),
        refusal(
            "other_plugin", kInitial, {}, [](ServerFacts& f) { f.slot->plugin = "wal2json"; },
            ReasonCode::kSlotWrongPlugin, "of plugin wal2json"),
        refusal(
            "other_plugin_without_snapshot", kNoData, {}, [](ServerFacts& f) { f.slot->plugin = "wal2json"; },
            ReasonCode::kSlotWrongPlugin, "of plugin wal2json"),
        refusal(
            "other_database", kInitial, {}, [](ServerFacts& f) { f.slot->database = "other"; },
            ReasonCode::kSlotWrongDatabase, "belongs to database \"other\", not \"db\""),
        refusal(
            "lost", kInitial, resume_at(0x250), [](ServerFacts& f) { f.slot->wal_status = "lost"; },
            ReasonCode::kSlotInvalidated, "was invalidated by the server: log behind 0/200 is gone"),
        refusal(
            "invalidated", kInitial, {}, [](ServerFacts& f) { f.slot->invalidation_reason = "idle_timeout"; },
            ReasonCode::kSlotInvalidated, "(idle_timeout)"),
        refusal(
            "synced_on_a_standby", kInitial, resume_at(0x250),
            [](ServerFacts& f) { f.slot->synced = true, f.in_recovery = true; }, ReasonCode::kSlotInUse,
            "synchronized from the primary")),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Histories, StartPlanCase,
    testing::Values(refusal(
                        "other_cluster", kInitial, resume_at(0x250),
                        [](ServerFacts& f) { f.system_identifier = "8"; }, ReasonCode::kSourceHistoryChanged,
                        "another cluster: system identifier 8"),
                    refusal(
                        "other_cluster_without_the_slot", kInitial, resume_at(0x250),
                        [](ServerFacts& f) { f.system_identifier = "8", f.slot.reset(); },
                        ReasonCode::kSourceHistoryChanged, "another cluster"),
                    refusal(
                        "older_timeline", kInitial, resume_at(0x250), [](ServerFacts& f) { f.timeline = 1; },
                        ReasonCode::kSourceHistoryChanged,
                        "on timeline 1, but position 0/250 was read on the later timeline 2"),
                    refusal(
                        "left_before_the_position", kInitial, resume_at(0x250),
                        [](ServerFacts& f) {
                          f.timeline = 3;
                          f.timeline_history = "1\t0/100\tx\n2\t0/24F\tx\n";
                        },
                        ReasonCode::kSourceHistoryChanged,
                        "timeline 2 was left at 0/24F, but changes up to 0/250 were delivered"),
                    refusal(
                        "timeline_that_is_no_ancestor", kInitial, resume_at(0x250),
                        [](ServerFacts& f) {
                          f.timeline = 4;
                          f.timeline_history = "1\t0/100\tx\n3\t0/280\tx\n";
                        },
                        ReasonCode::kSourceHistoryChanged, "whose history does not contain timeline 2"),
                    refusal(
                        "restored_below_the_position", kInitial, resume_at(0x250),
                        [](ServerFacts& f) { f.end_of_wal = 0x24F, f.slot->confirmed_flush_lsn = 0x100; },
                        ReasonCode::kSourceHistoryChanged,
                        "log ends at 0/24F, below the delivered position 0/250")),
    case_name);

SourceResume resume_of(SourceIdentity identity, bool snapshot_unfinished = false) {
  SourceResume resume = resume_at(0x250);
  resume.identity = to_json(identity);
  resume.snapshot_unfinished = snapshot_unfinished;
  return resume;
}
SourceIdentity with_slot(std::string name) {
  SourceIdentity changed = identity();
  changed.slot = std::move(name);
  return changed;
}
SourceIdentity with_database(std::string name) {
  SourceIdentity changed = identity();
  changed.database = std::move(name);
  return changed;
}

INSTANTIATE_TEST_SUITE_P(
    Checkpoints, StartPlanCase,
    testing::Values(
        refusal(
            "position_of_something_else", kInitial,
            [] {
              SourceResume resume = resume_at(0x250);
              resume.position.text = "0-1-5";
              return resume;
            }(),
            as_is, ReasonCode::kCheckpointCorrupt, "not a PostgreSQL position"),
        refusal(
            "identity_of_something_else", kInitial,
            [] {
              SourceResume resume = resume_at(0x250);
              resume.identity = "{}";
              return resume;
            }(),
            as_is, ReasonCode::kCheckpointCorrupt, "lacks a field"),
        refusal("of_another_slot", kInitial, resume_of(with_slot("t")), as_is,
                ReasonCode::kCheckpointMismatch,
                "the stored position belongs to slot \"t\", and the configuration says slot \"s\""),
        refusal("of_another_slot_that_is_gone", kInitial, resume_of(with_slot("t")), without_slot,
                ReasonCode::kCheckpointMismatch, "belongs to slot \"t\""),
        refusal("of_another_slot_in_its_snapshot", kInitial, resume_of(with_slot("t"), true), without_slot,
                ReasonCode::kCheckpointMismatch, "belongs to slot \"t\""),
        refusal("of_another_database", kInitial, resume_of(with_database("other")), without_slot,
                ReasonCode::kCheckpointMismatch,
                "the stored position belongs to database \"other\", and the configuration says "
                "database \"db\""),
        plan("of_another_slot_snapshot_only", kInitialOnly, resume_of(with_slot("t")), as_is, Kind::kDone)),
    case_name);

TEST(SourceIdentity, SurvivesJson) {
  SourceIdentity before = identity();
  before.slot = "s\"\n";
  const auto after = parse_identity(to_json(before));
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->system_identifier, before.system_identifier);
  EXPECT_EQ(after->timeline, before.timeline);
  EXPECT_EQ(after->timeline_history, before.timeline_history);
  EXPECT_EQ(after->database, before.database);
  EXPECT_EQ(after->slot, before.slot);
  for (const char* bad :
       {"", "[]", "{}",
        R"({"system_identifier":"1","timeline":-1,"timeline_history":"","database":"","slot":""})",
        R"({"system_identifier":1,"timeline":1,"timeline_history":"","database":"","slot":""})"}) {
    EXPECT_FALSE(parse_identity(bad).ok()) << bad;
  }
}

TEST(Reconnect, ChecksTheSameThings) {
  const LogPosition position{0x250, 0x250, {}};
  EXPECT_TRUE(check_reconnect(server(), identity(), position).ok());
  struct Change {
    std::function<void(ServerFacts&)> found;
    ReasonCode reason;
  };
  const Change changes[] = {
      {[](ServerFacts& f) { f.system_identifier = "8"; }, ReasonCode::kSourceHistoryChanged},
      {[](ServerFacts& f) { f.timeline = 1; }, ReasonCode::kSourceHistoryChanged},
      {[](ServerFacts& f) { f.end_of_wal = 0x200; }, ReasonCode::kSourceHistoryChanged},
      {[](ServerFacts& f) { f.slot.reset(); }, ReasonCode::kSlotMissing},
      {[](ServerFacts& f) { f.slot->plugin = "wal2json"; }, ReasonCode::kSlotWrongPlugin},
      {[](ServerFacts& f) { f.slot->wal_status = "lost"; }, ReasonCode::kSlotInvalidated},
      {[](ServerFacts& f) { f.slot->confirmed_flush_lsn = 0x251; }, ReasonCode::kSourceGap},
  };
  for (const Change& change : changes) {
    ServerFacts facts = server();
    change.found(facts);
    EXPECT_EQ(reason_of(check_reconnect(facts, identity(), position)), change.reason);
  }
}

}  // namespace
}  // namespace millrace::postgres
