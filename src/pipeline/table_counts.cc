// SPDX-License-Identifier: Apache-2.0
#include "pipeline/table_counts.h"

#include "base/concat.h"

namespace millrace {

namespace {
void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}
}  // namespace

TableCounters& WorkerTableCounts::of(const Relation& relation) {
  const std::size_t id = relation.topic->id;
  if (id >= by_topic_.size()) by_topic_.resize(id + 1, nullptr);
  if (by_topic_[id] == nullptr) {
    by_topic_[id] = &named(concat(relation.schema, ".", relation.table));
  }
  return *by_topic_[id];
}

TableCounters& WorkerTableCounts::named(const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto& counters = tables_[name];
  if (counters == nullptr) counters = std::make_unique<TableCounters>();
  return *counters;
}

void WorkerTableCounts::count(const Batch& batch, std::size_t from, std::size_t to, const Piece& piece) {
  std::uint16_t last = kNoRelation;
  TableCounters* counters = nullptr;
  for (std::size_t i = from; i < to; ++i) {
    const Change& change = batch.changes[i];
    if (change.relation == kNoRelation) {
      if (messages_ == nullptr) messages_ = &named("");
      add(messages_->messages, 1);
      continue;
    }
    if (change.relation != last) {
      last = change.relation;
      counters = &of(*batch.relations[last]);
    }
    switch (change.kind) {
      case ChangeKind::kRead:
        add(counters->reads, 1);
        break;
      case ChangeKind::kInsert:
        add(counters->creates, 1);
        break;
      case ChangeKind::kUpdate:
        add(counters->updates, 1);
        break;
      case ChangeKind::kDelete:
        add(counters->deletes, 1);
        break;
      case ChangeKind::kTruncate:
        add(counters->truncates, 1);
        break;
      case ChangeKind::kMessage:
        break;
    }
  }
  for (const Record& record : piece.records) {
    const std::size_t id = record.topic->id;
    if (id < by_topic_.size() && by_topic_[id] != nullptr) {
      add(by_topic_[id]->bytes, std::uint64_t{record.key_size} + record.value_size);
    }
  }
}

void WorkerTableCounts::add_to(std::map<std::string, TableCount>& sums) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, counters] : tables_) {
    TableCount& sum = sums[name];
    sum.name = name;
    sum.reads += counters->reads.load(std::memory_order_relaxed);
    sum.creates += counters->creates.load(std::memory_order_relaxed);
    sum.updates += counters->updates.load(std::memory_order_relaxed);
    sum.deletes += counters->deletes.load(std::memory_order_relaxed);
    sum.truncates += counters->truncates.load(std::memory_order_relaxed);
    sum.messages += counters->messages.load(std::memory_order_relaxed);
    sum.bytes += counters->bytes.load(std::memory_order_relaxed);
  }
}

}  // namespace millrace
