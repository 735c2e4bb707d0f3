// SPDX-License-Identifier: Apache-2.0
#include "pipeline/table_counts.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

namespace millrace {
namespace {

struct Tables {
  Topic topics[2] = {{"p.public.t", 0}, {"p.public.u", 5}};
  RelationPtr t = relation("t", &topics[0]);
  RelationPtr u = relation("u", &topics[1]);
  static RelationPtr relation(const char* name, const Topic* topic) {
    Relation made;
    made.schema = "public";
    made.table = name;
    made.topic = topic;
    return std::make_shared<const Relation>(made);
  }
};

Change change(ChangeKind kind, std::uint16_t relation) {
  Change made;
  made.kind = kind;
  made.relation = relation;
  return made;
}

Record record(const Topic& topic, std::uint32_t key, std::uint32_t value) {
  Record made;
  made.topic = &topic;
  made.key_size = key;
  made.value_size = value;
  return made;
}

TEST(TableCounts, ByTableAndOperation) {
  const Tables tables;
  Batch batch;
  batch.relations = {tables.t, tables.u};
  batch.changes = {change(ChangeKind::kRead, 0),
                   change(ChangeKind::kInsert, 0),
                   change(ChangeKind::kInsert, 1),
                   change(ChangeKind::kUpdate, 1),
                   change(ChangeKind::kDelete, 0),
                   change(ChangeKind::kTruncate, 1),
                   change(ChangeKind::kMessage, kNoRelation),
                   change(ChangeKind::kInsert, 0)};
  Piece piece;
  piece.records = {record(tables.topics[0], 3, 100), record(tables.topics[1], 0, 20),
                   record(tables.topics[0], 3, 0)};
  WorkerTableCounts counts;
  counts.count(batch, 0, 7, piece);  // the last change is for the next piece
  std::map<std::string, TableCount> sums;
  counts.add_to(sums);
  ASSERT_EQ(sums.size(), 3U);
  const TableCount& t = sums["public.t"];
  EXPECT_EQ(t.name, "public.t");
  EXPECT_EQ(t.reads, 1U);
  EXPECT_EQ(t.creates, 1U);
  EXPECT_EQ(t.deletes, 1U);
  EXPECT_EQ(t.updates + t.truncates + t.messages, 0U);
  EXPECT_EQ(t.bytes, 106U);
  const TableCount& u = sums["public.u"];
  EXPECT_EQ(u.creates, 1U);
  EXPECT_EQ(u.updates, 1U);
  EXPECT_EQ(u.truncates, 1U);
  EXPECT_EQ(u.bytes, 20U);
  EXPECT_EQ(sums[""].messages, 1U);
  counts.count(batch, 7, 8, Piece{});
  counts.add_to(sums);
  EXPECT_EQ(sums["public.t"].creates, 3U) << "adds to what is there: 1 + 2";
}

TEST(TableCounts, VersionsOfATableCountTogether) {
  const Tables tables;
  Batch batch;
  batch.relations = {tables.t, Tables::relation("t", &tables.topics[0])};
  batch.changes = {change(ChangeKind::kInsert, 0), change(ChangeKind::kInsert, 1)};
  WorkerTableCounts counts;
  counts.count(batch, 0, 2, Piece{});
  std::map<std::string, TableCount> sums;
  counts.add_to(sums);
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_EQ(sums["public.t"].creates, 2U);
}

TEST(TableCounts, MayBeReadWhileTheyAreCounted) {
  constexpr std::uint64_t kBatches = 3000;
  WorkerTableCounts counts;
  std::vector<std::unique_ptr<Topic>> topics;
  for (std::uint32_t i = 0; i < 50; ++i) {
    topics.push_back(std::make_unique<Topic>());
    topics.back()->id = i;
  }
  std::thread worker([&] {
    for (std::uint64_t i = 0; i < kBatches; ++i) {
      Batch batch;
      batch.relations = {Tables::relation(("t" + std::to_string(i % 50)).c_str(), topics[i % 50].get())};
      batch.changes = {change(ChangeKind::kInsert, 0)};
      counts.count(batch, 0, 1, Piece{});
    }
  });
  std::uint64_t total = 0;
  while (total < kBatches) {
    std::map<std::string, TableCount> sums;
    counts.add_to(sums);
    std::uint64_t now = 0;
    for (const auto& [name, sum] : sums) now += sum.creates;
    ASSERT_GE(now, total);
    total = now;
  }
  worker.join();
  EXPECT_EQ(total, kBatches);
}

}  // namespace
}  // namespace millrace
