// SPDX-License-Identifier: Apache-2.0
#include "format/debezium/plan_cache.h"

#include <algorithm>

namespace millrace::debezium {

void PlanCache::enter(const Batch& batch) {
  of_batch_.clear();
  bool made = false;
  for (const RelationPtr& relation : batch.relations) {
    Plan* plan = nullptr;
    if (relation->captured && relation->topic != nullptr) {
      const auto found = plans_.find(relation.get());
      made = made || found == plans_.end();
      plan = found != plans_.end() ? found->second.get() : make(relation);
    }
    of_batch_.push_back(plan);
  }
  if (!made) return;
  for (const RelationPtr& relation : batch.relations) drop_unused(relation->id);
}

Plan* PlanCache::make(const RelationPtr& relation) {
  auto plan = std::make_unique<Plan>(relation, options_, facts_);
  warnings_.insert(warnings_.end(), plan->warnings().begin(), plan->warnings().end());
  Plan* const raw = plan.get();
  plans_.emplace(relation.get(), std::move(plan));
  return raw;
}

void PlanCache::drop_unused(std::uint64_t relation_id) {
  const bool many = plans_.size() > kPlansMax;
  for (auto at = plans_.begin(); at != plans_.end();) {
    const auto now = at++;
    const Plan* const plan = now->second.get();
    const bool used = std::find(of_batch_.begin(), of_batch_.end(), plan) != of_batch_.end();
    if (!used && (many || plan->relation().id == relation_id)) plans_.erase(now);
  }
}

}  // namespace millrace::debezium
