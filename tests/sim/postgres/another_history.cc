// SPDX-License-Identifier: Apache-2.0
#include "sim/postgres/another_history.h"

#include "base/concat.h"

namespace millrace::sim {

namespace {

/// A copy of the data folder from before the last delivered transaction takes the server's place, and clients
/// go on with it until its log is longer than what was delivered.
bool restore(Random& random, ModelPostgres& server, Database& database,
             const postgres::LogPosition& delivered) {
  postgres::SlotFacts* slot = server.slot(server.options().slot);
  if (slot == nullptr || delivered.last.changes == 0) return false;
  std::uint64_t to = 0;
  for (const WalRecord& record : database.wal().records()) {
    if (record.end <= delivered.last.commit_lsn) to = record.end;
  }
  if (to == 0) return false;
  database.restore(to);
  server.take_slot_back(to);
  // Sometimes it is shorter still: that shows without any proof.
  const bool longer = random.percent(80);
  for (int i = 0; i < 1000 && longer && database.wal().end() <= delivered.lsn + 500; ++i) {
    database.begin_transaction(random.next());
    while (!database.idle()) database.step(kNever);
  }
  return true;
}

}  // namespace

std::vector<ReasonCode> begin_another_history(std::uint64_t seed, ModelPostgres& server, Database& database,
                                              const postgres::LogPosition& delivered) {
  Random random(seed);
  postgres::SlotFacts* slot = server.slot(server.options().slot);
  if (slot == nullptr) return {};
  const auto disguise = [&](auto change) { server.disguise = change; };
  switch (random.below(15)) {
    case 0:
      disguise([](postgres::ServerFacts& facts) { facts.system_identifier = "8"; });
      return {ReasonCode::kSourceHistoryChanged};
    case 1:
      disguise([at = delivered.lsn - 1](postgres::ServerFacts& facts) { facts.end_of_wal = at; });
      return {ReasonCode::kSourceHistoryChanged};
    case 2:
      server.drop_slot(server.options().slot);
      return {ReasonCode::kSlotMissing};
    case 3:
      database.write_noise(random.next());
      server.create_slot(server.options().slot, false, false);
      slot = server.slot(server.options().slot);
      // Somebody else went on reading, beyond what the product could have told.
      slot->confirmed_flush_lsn = database.wal().end() + 8;
      database.write_noise(random.next());
      return {ReasonCode::kSourceGap};
    case 4:
      if (random.percent(50)) {
        slot->wal_status = "lost";
      } else {
        slot->invalidation_reason = "wal_removed";
      }
      return {ReasonCode::kSlotInvalidated};
    case 5:
      if (random.percent(50)) {
        slot->plugin = "test_decoding";
      } else {
        slot->type = "physical";
      }
      return {ReasonCode::kSlotWrongPlugin};
    case 6:
      slot->database = "another";
      return {ReasonCode::kSlotWrongDatabase};
    case 7:
      disguise([](postgres::ServerFacts& facts) { facts.timeline = 0; });
      return {ReasonCode::kSourceHistoryChanged};
    case 8:
      disguise([](postgres::ServerFacts& facts) {
        facts.timeline = 9;
        facts.timeline_history = "not a history\nx\ty\n1\tnot an LSN\n2\tnot an LSN\n";
      });
      return {ReasonCode::kSourceHistoryChanged};
    case 9:
      disguise([](postgres::ServerFacts& facts) {
        const std::uint32_t before = facts.timeline++;
        facts.timeline_history = concat(before, "\t0/10\tlong ago\n");
      });
      return {ReasonCode::kSourceHistoryChanged};
    case 10:
      slot->synced = true;
      disguise([](postgres::ServerFacts& facts) { facts.in_recovery = true; });
      return {ReasonCode::kSlotInUse, ReasonCode::kServerVersion};
    default:
      if (!restore(random, server, database, delivered)) return {};
      return {ReasonCode::kSourceHistoryChanged, ReasonCode::kSourceGap};
  }
}

}  // namespace millrace::sim
