// SPDX-License-Identifier: Apache-2.0
// Tables copied one after another: every row, with the marker of its place, whatever pieces the bytes come
// in.
#include "source/postgres/stream/snapshot_reader.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/reason_code.h"
#include "source/postgres/session/errors.h"
#include "unit/source/postgres/stream/scripted_stream.h"

namespace millrace::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string frame(char type, const std::string& body) {
  std::string out(1, type);
  const auto size = static_cast<std::uint32_t>(body.size() + 4);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift);
  return out + body;
}

/// What a server answers to a COPY: these lines, then the end.
std::string copied(const std::vector<std::string>& lines) {
  std::string out = frame('H', std::string("\0\0\0", 3));
  for (const std::string& line : lines) out += frame('d', line + "\n");
  return out + frame('c', "") + frame('C', std::string("COPY\0", 5)) + frame('Z', "I");
}

/// Answers each query with the next of its answers, in pieces; then the connection ends.
class AnsweringStream final : public ByteStream {
 public:
  AnsweringStream(std::deque<std::string> answers, std::size_t piece, std::vector<std::string>& queries)
      : answers_(std::move(answers)), piece_(piece), queries_(queries) {}
  void arm(std::span<std::byte> into) override { into_ = into; }
  bool armed() const noexcept override { return !into_.empty(); }
  ReadOutcome take() override {
    if (into_.empty()) return {};
    if (pending_.empty()) {
      if (!closed_) return {};
      into_ = {};
      return {ReadOutcome::Kind::kClosed, 0, 0, ""};
    }
    const std::size_t n = std::min({into_.size(), piece_, pending_.size()});
    std::memcpy(into_.data(), pending_.data(), n);
    pending_.erase(0, n);
    into_ = {};
    return {ReadOutcome::Kind::kBytes, n, 0, ""};
  }
  bool send(std::span<const std::byte> bytes) override {
    if (refused_ < 2) return ++refused_, false;  // the queue is full at first
    const std::string query(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    queries_.push_back(query.substr(5, query.size() - 6));
    if (answers_.empty()) {
      closed_ = true;
    } else {
      pending_ += answers_.front();
      answers_.pop_front();
      closed_ = answers_.empty();
    }
    return true;
  }
  bool sending() const noexcept override { return false; }
  int send_error() const noexcept override { return 0; }
  bool prepare_for_pauses() noexcept override { return false; }
  void close() override { into_ = {}; }

 private:
  std::deque<std::string> answers_;
  std::size_t piece_;
  std::vector<std::string>& queries_;
  std::string pending_;
  std::span<std::byte> into_;
  int refused_ = 0;
  bool closed_ = false;
};

struct CopySetup {
  std::size_t piece = 1 << 20;
  std::size_t batches = 64;
  std::size_t slab_bytes = 4096;
  std::size_t slab_budget = 1 << 20;
  bool full_after_one_change = false;
};

class SnapshotReaderTest : public testing::Test {
 protected:
  static postgres::SnapshotTable table(const std::string& name, std::uint32_t oid,
                                       std::int64_t estimated = 10) {
    postgres::SnapshotTable made;
    made.description.oid = oid;
    made.description.found = true;
    made.description.schema = "public";
    made.description.name = name;
    for (const char* column : {"a", "b"}) {
      postgres::ColumnDescription described;
      described.name = column;
      described.type = 25;
      made.description.columns.push_back(described);
      made.columns.push_back(column);
    }
    made.copy_sql = "COPY " + name;
    made.read_time_us = 1000 * oid;
    made.estimated_rows = estimated;
    return made;
  }

  /// Reads the tables t, u and v with these answers; what came out, a line each.
  std::vector<std::string> read(const std::deque<std::string>& answers, const CopySetup& setup = {}) {
    slabs_ = std::make_unique<SlabPool>(setup.slab_bytes, setup.slab_budget);
    QueueOutlet outlet(setup.batches);
    outlet.full_after_one_change = setup.full_after_one_change;
    std::vector<std::string> out;
    {
      BatchBuilder builder(outlet, *slabs_);
      postgres::SnapshotOpened opened;
      const char* const names[] = {"t", "u", "v"};
      const std::size_t tables = std::min<std::size_t>(answers.size(), 3);
      for (std::size_t i = 0; i < tables; ++i)
        opened.tables.push_back(table(names[i], 100 + static_cast<std::uint32_t>(i)));
      opened.transaction_id = 77;
      opened.stream = std::make_unique<AnsweringStream>(answers, setup.piece, queries_);
      postgres::SnapshotReader reader(
          builder, *slabs_, relations_,
          [](const postgres::ServerReport& report) {
            return postgres::report_failed(postgres::Phase::kSnapshot, "copy", report);
          },
          1 << 24, std::move(opened), 5000);
      for (int idle = 0; idle < 20 && !reader.done() && reader.status().ok();) {
        idle = reader.step() ? 0 : idle + 1;
        take(outlet, out);
      }
      take(outlet, out);
      status_ = reader.status();
      retryable_ = reader.retryable();
      progress_ = reader.progress();
      done_ = reader.done();
    }
    EXPECT_EQ(slabs_->used_bytes(), 0U) << "a slab is still held";
    return out;
  }

  void take(QueueOutlet& outlet, std::vector<std::string>& out) {
    while (!outlet.pushed.empty()) {
      Batch* const batch = outlet.pushed.front();
      outlet.pushed.pop_front();
      for (const Change& change : batch->changes) {
        const Relation& relation = *batch->relations.at(change.relation);
        const TransactionContext& context = batch->transactions.at(change.transaction);
        EXPECT_EQ(change.kind, ChangeKind::kRead);
        EXPECT_EQ(change.position, 5000U);
        EXPECT_EQ(context.id, 77U);
        EXPECT_EQ(context.commit_time_us, static_cast<std::int64_t>(1000 * relation.id))
            << "its table's time";
        reference::postgres::Context known;
        known.columns[static_cast<std::uint32_t>(relation.id)] = 2;
        const auto row = reference::postgres::decode_message(
            std::string(reinterpret_cast<const char*>(change.body), change.size), known);
        out.push_back(relation.table + " " + (row ? row->new_fields[0].value : "undecodable") + " " +
                      marker(change.snapshot));
      }
      for (Slab* slab : batch->slabs) slabs_->release(slab);
      outlet.give_back(batch);
    }
  }
  static std::string marker(SnapshotMarker marker) {
    switch (marker) {
      case SnapshotMarker::kNone:
        return "none";
      case SnapshotMarker::kTrue:
        return "true";
      case SnapshotMarker::kFirst:
        return "first";
      case SnapshotMarker::kFirstInTable:
        return "first_in_table";
      case SnapshotMarker::kLastInTable:
        return "last_in_table";
      case SnapshotMarker::kLast:
        return "last";
    }
    return "?";
  }

  ScriptedRelations relations_;
  std::unique_ptr<SlabPool> slabs_;
  std::vector<std::string> queries_;
  absl::Status status_;
  bool retryable_ = false;
  bool done_ = false;
  postgres::SnapshotProgress progress_;
};

// debezium-contract 4.2: last > first > last_in_data_collection > first_in_data_collection > true.
struct Marked {
  const char* name;
  std::vector<std::size_t> rows;  ///< Of each table.
  std::vector<std::string> out;
};
class SnapshotMarkers : public SnapshotReaderTest, public testing::WithParamInterface<Marked> {};
TEST_P(SnapshotMarkers, FollowTheContract) {
  std::deque<std::string> answers;
  for (const std::size_t rows : GetParam().rows) {
    std::vector<std::string> lines;
    for (std::size_t i = 1; i <= rows; ++i) lines.push_back(std::to_string(i) + "\tx");
    answers.push_back(copied(lines));
  }
  EXPECT_EQ(read(answers), GetParam().out);
  EXPECT_TRUE(done_) << status_;
}
INSTANTIATE_TEST_SUITE_P(
    Table, SnapshotMarkers,
    testing::Values(Marked{"no_tables", {}, {}}, Marked{"no_rows", {0, 0}, {}},
                    Marked{"one_row", {1}, {"t 1 last"}},
                    Marked{"one_table", {3}, {"t 1 first", "t 2 true", "t 3 last"}},
                    Marked{"three_tables",
                           {3, 3, 2},
                           {"t 1 first", "t 2 true", "t 3 last_in_table", "u 1 first_in_table", "u 2 true",
                            "u 3 last_in_table", "v 1 first_in_table", "v 2 last"}},
                    Marked{"one_row_tables", {1, 1, 1}, {"t 1 first", "u 1 last_in_table", "v 1 last"}},
                    Marked{"later_tables_are_empty", {2, 0, 0}, {"t 1 first", "t 2 last"}},
                    Marked{"earlier_tables_are_empty", {0, 0, 2}, {"v 1 first", "v 2 last"}},
                    Marked{"empty_in_the_middle",
                           {2, 0, 2},
                           {"t 1 first", "t 2 last_in_table", "v 1 first_in_table", "v 2 last"}},
                    Marked{"only_the_last_has_one", {0, 0, 1}, {"v 1 last"}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(SnapshotReaderTest, AsksForEachTableInTurn) {
  read({copied({"1\tx"}), copied({}), copied({"2\tx"})});
  EXPECT_THAT(queries_, ElementsAre("COPY t", "COPY u", "COPY v"));
  EXPECT_EQ(progress_.tables_total, 3U);
  EXPECT_EQ(progress_.tables_done, 3U);
  EXPECT_EQ(progress_.rows, 2U);
  EXPECT_EQ(progress_.rows_estimated, 30);
}

TEST_F(SnapshotReaderTest, WhateverTheBytesAndBatchesAreCutInto) {
  std::vector<std::string> first;
  std::vector<std::string> second;
  for (int i = 0; i < 60; ++i) {
    first.push_back(std::to_string(i) + "\t" + std::string(static_cast<std::size_t>(i * 31), 'x'));
    second.push_back(std::to_string(i) + "\t\\N");
  }
  first.push_back("60\t" + std::string(50'000, 'y'));  // larger than a slab
  first.push_back("61\tz");
  const std::deque<std::string> answers = {copied(first), copied(second)};
  const std::vector<std::string> expected = read(answers);
  ASSERT_EQ(expected.size(), 122U);
  for (const std::size_t piece : {1U, 7U, 1000U, 100'000U}) {
    for (const std::size_t batches : {1U, 2U}) {
      CopySetup setup;
      setup.piece = piece;
      setup.batches = batches;
      setup.full_after_one_change = true;
      setup.slab_budget = 8 * 4096;
      EXPECT_EQ(read(answers, setup), expected) << piece << " " << batches;
      EXPECT_TRUE(done_) << status_;
    }
  }
}

// --- failures
// -----------------------------------------------------------------------------

std::string error_report(const char* sqlstate, const char* message) {
  return frame('E', std::string("SERROR") + '\0' + "C" + sqlstate + '\0' + "M" + message + '\0' + '\0');
}

TEST_F(SnapshotReaderTest, ARowOfAnotherShapeStops) {
  read({copied({"1\tx", "2"})});
  EXPECT_EQ(reason_of(status_), ReasonCode::kSourceProtocol);
  EXPECT_THAT(std::string(status_.message()), HasSubstr("bad row of table public.t, byte 1: "));
  EXPECT_FALSE(retryable_);
}

TEST_F(SnapshotReaderTest, AServersRefusalNamesTheTable) {
  read({copied({"1\tx"}), error_report("42501", "permission denied for table u") + frame('Z', "I")});
  EXPECT_EQ(reason_of(status_), ReasonCode::kPermissionDenied);
  EXPECT_THAT(std::string(status_.message()), HasSubstr("snapshot of table public.u: "));
  EXPECT_FALSE(retryable_);
}

TEST_F(SnapshotReaderTest, AnErrorThatMayPassLeadsToAnotherSnapshot) {
  read({frame('H', std::string("\0\0\0", 3)) + frame('d', "1\tx\n") +
        error_report("57P01", "terminating connection")});
  EXPECT_EQ(reason_of(status_), ReasonCode::kSnapshotFailed);
  EXPECT_TRUE(retryable_);
}

TEST_F(SnapshotReaderTest, ALostConnectionLeadsToAnotherSnapshot) {
  const std::string whole = copied({"1\tx", "2\ty"});
  for (const std::size_t size : {0UL, 10UL, whole.size() - 1}) {
    read({whole.substr(0, size)});
    EXPECT_EQ(reason_of(status_), ReasonCode::kSnapshotFailed) << size;
    EXPECT_TRUE(retryable_) << size;
    EXPECT_FALSE(done_);
  }
}

TEST_F(SnapshotReaderTest, BytesThatAreNoProtocolStop) {
  read({"this is no message"});
  EXPECT_EQ(reason_of(status_), ReasonCode::kSourceProtocol);
  EXPECT_THAT(std::string(status_.message()), HasSubstr("bad message at byte 0 of the copy connection"));
}

}  // namespace
}  // namespace millrace::test
