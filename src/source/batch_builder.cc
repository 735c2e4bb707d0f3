// SPDX-License-Identifier: Apache-2.0
#include "source/batch_builder.h"

namespace millrace {

std::string_view to_string(SourcePhase phase) noexcept {
  switch (phase) {
    case SourcePhase::kStarting:
      return "starting";
    case SourcePhase::kSnapshot:
      return "snapshot";
    case SourcePhase::kStreaming:
      return "streaming";
    case SourcePhase::kReconnecting:
      return "reconnecting";
    case SourcePhase::kDraining:
      return "draining";
    case SourcePhase::kStopped:
      return "stopped";
    case SourcePhase::kFailed:
      return "failed";
  }
  return "unknown";
}

bool BatchBuilder::open() {
  if (batch_ != nullptr) return true;
  batch_ = outlet_.take();
  if (batch_ == nullptr) return false;
  batch_->first_arrival = last_arrival_ + 1;
  transaction_known_ = false;
  last_relation_ = nullptr;
  relation_indices_.clear();
  return true;
}

std::uint16_t BatchBuilder::relation_index(const RelationPtr& relation) {
  if (relation.get() == last_relation_) return last_relation_index_;
  const auto [found, added] =
      relation_indices_.try_emplace(relation.get(), static_cast<std::uint16_t>(batch_->relations.size()));
  if (added) batch_->relations.push_back(relation);
  last_relation_ = relation.get();
  last_relation_index_ = found->second;
  return last_relation_index_;
}

void BatchBuilder::add(Change change, const RelationPtr& relation, const TransactionContext& transaction,
                       Slab* slab) {
  if (!transaction_known_) {
    batch_->transactions.push_back(transaction);
    transaction_known_ = true;
  }
  change.transaction = static_cast<std::uint16_t>(batch_->transactions.size() - 1);
  change.relation = relation == nullptr ? kNoRelation : relation_index(relation);
  // Bodies come in the order of the slabs they lie in, so only the last one held can be this one.
  if (batch_->slabs.empty() || batch_->slabs.back() != slab) {
    slabs_.add_reference(slab);
    batch_->slabs.push_back(slab);
  }
  batch_->changes.push_back(change);
  batch_->bytes += change.size;
  ++last_arrival_;
  if (batch_->changes.size() >= limits_.changes || batch_->bytes >= limits_.bytes) cut();
}

void BatchBuilder::mark(const PositionMark& mark, bool checkpoint_now) {
  PositionMark placed = mark;
  placed.arrival = last_arrival_;
  batch_->marks.push_back(placed);
  batch_->checkpoint_now |= checkpoint_now;
  if (batch_->marks.size() >= 2 * limits_.changes) cut();
}

void BatchBuilder::cut() {
  if (batch_ == nullptr) return;
  if (batch_->changes.empty() && batch_->marks.empty() && !batch_->checkpoint_now) return;
  outlet_.push(batch_);
  batch_ = nullptr;
}

void BatchBuilder::end_of_input() {
  batch_->end_of_input = true;
  outlet_.push(batch_);
  batch_ = nullptr;
}

}  // namespace millrace
