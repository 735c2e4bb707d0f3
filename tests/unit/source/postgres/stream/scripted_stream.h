// SPDX-License-Identifier: Apache-2.0
// A ChangeStream that is fed by scripts, and what comes out of it as lines.
//
//   session 100 100 [last 90 98 5 2]   resume below 100, confirmed 100, last transaction: commit end xid
//   changes table t | wide t | type            announces t (a int, b text); with a third column reconnect 100
//   a new session behind what was pushed, confirmed 100 begin 7 150 | commit 150 158       xid and commit
//   LSN; commit and end LSN insert t 1 | update t 1 | delete t 1 | truncate t u      inside a stream block
//   with "x8" for the (sub)transaction message 155 hi | tmessage 145 hi   not transactional and
//   transactional, with LSN and content origin o 99 start 8 first | start 8 | stop | scommit 8 250 258 |
//   abort 8 9 bprepare 7 g 140 148 | prepare 7 g 140 148 | sprepare 8 g 140 148 | kcommit 7 g 200 208 |
//   rollback g 148 208 idle 300 | checkpoint 300          a keepalive with this end of the log
//
// Numbers are decimal; log positions too.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reference/postgres_reference.h"
#include "source/batch_builder.h"
#include "source/postgres/stream/change_stream.h"

namespace millrace::test {

/// Scratch files in memory. Fails when told to.
class MemoryScratch final : public ScratchStore {
 public:
  absl::StatusOr<std::unique_ptr<ScratchFile>> create() override;
  bool fails = false;
  std::size_t files = 0;
};

/// As many batches as asked for; what is pushed waits until it is taken.
class QueueOutlet final : public BatchOutlet {
 public:
  explicit QueueOutlet(std::size_t batches);
  Batch* take() override;
  void push(Batch* batch) override;

  void give_back(Batch* batch);

  std::deque<Batch*> pushed;
  bool full_after_one_change = false;

 private:
  std::vector<std::unique_ptr<Batch>> all_;
  std::vector<Batch*> free_;
  std::uint64_t number_ = 0;
};

/// Hands out relations of the tables t, u and v; h is not captured, "broken" cannot be made.
class ScriptedRelations final : public postgres::RelationFactory {
 public:
  bool captures(std::string_view schema, std::string_view table) const override;
  absl::StatusOr<RelationPtr> make(const postgres::RelationView& announced,
                                   const postgres::TableDescription* described) override;
  std::vector<std::string> made;  ///< "t" for each version made, "t?" when the catalog was not asked.

 private:
  std::uint32_t versions_ = 0;
};

struct StreamSetup {
  std::size_t batches = 64;
  std::size_t held_bytes = 1 << 20;
  std::size_t held_block_bytes = 256;
  std::size_t slab_bytes = 4096;
  std::size_t slab_budget = 1 << 20;
};

class ScriptedStream {
 public:
  using Result = postgres::ChangeStream::Result;

  explicit ScriptedStream(const StreamSetup& setup = {});

  /// One step, to its end: the catalog answers, batches are taken away when none is free.
  void run_step(const std::string& step);
  void run(const std::vector<std::string>& steps) {
    for (const std::string& step : steps) run_step(step);
  }
  /// One step, once; what it said.
  Result once(const std::string& step);
  /// A message of any bytes.
  Result raw(std::string body, std::uint64_t wal_start = 1);
  Result replay() { return stream_.replay(); }

  /// What has come out since the last call, a line each: "insert t 1 of 7/150", "mark 158".
  std::vector<std::string> drain();
  /// Ends the batch at hand.
  void cut() { builder_.cut(); }
  /// Every change gets a batch of its own.
  void cut_every_change() { outlet_.full_after_one_change = true; }
  /// The bytes of a step's message, behind these steps.
  std::string encoded(const std::vector<std::string>& before, const std::string& step);
  /// Takes nothing back: batches stay out.
  void keep_batches(bool keep) { keeps_ = keep; }
  /// The server has rolled a subtransaction back and does not say so in the stream.
  void roll_back_in_silence() { none_rolled_back_ = false; }
  /// The subtransactions that were asked about.
  const std::vector<std::uint32_t>& unchecked() const { return stream_.unchecked(); }

  postgres::ChangeStream& stream() { return stream_; }
  const std::string& failure() const { return failure_; }
  SlabPool& slabs() { return slabs_; }
  QueueOutlet& outlet() { return outlet_; }
  postgres::HeldBudget& budget() { return budget_; }
  MemoryScratch& scratch() { return scratch_; }
  ScriptedRelations& relations() { return relations_; }
  std::size_t table_questions() const { return questions_; }

 private:
  bool session_step(const std::vector<std::string>& words);
  std::string encode(const std::vector<std::string>& words);
  Result handle(const std::string& body, std::uint64_t wal_start);
  void take_batches();
  void tell(const Batch& batch, std::vector<std::string>& out) const;

  SlabPool slabs_;
  QueueOutlet outlet_;
  BatchBuilder builder_;
  ScriptedRelations relations_;
  postgres::HeldBudget budget_;
  MemoryScratch scratch_;
  postgres::ChangeStream stream_;
  reference::postgres::Context context_;
  std::vector<std::string> told_;
  std::string failure_;
  std::size_t questions_ = 0;
  std::uint64_t wal_start_ = 10;
  bool keeps_ = false;
  bool none_rolled_back_ = true;
};

}  // namespace millrace::test
