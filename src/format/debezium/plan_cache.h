// SPDX-License-Identifier: Apache-2.0
// The plans of the relation versions an encoder meets.
#pragma once
#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "change/batch.h"
#include "format/debezium/plan.h"

namespace millrace::debezium {

/// Owner: an encoder. Keeps a plan per captured relation version; versions that a later one has replaced go
/// when no batch uses them, and all unused ones when there are many.
class PlanCache {
 public:
  static constexpr std::size_t kPlansMax = 4096;

  PlanCache(const EnvelopeOptions& options, ConversionFacts facts)
      : options_(options), facts_(std::move(facts)) {}

  /// Finds or makes the plans of a batch's relations. Once a batch.
  void enter(const Batch& batch);

  /// The plan of batch.relations[relation] of the batch entered last; nullptr: not captured.
  Plan* operator[](std::uint16_t relation) const noexcept { return of_batch_[relation]; }
  std::size_t relations() const noexcept { return of_batch_.size(); }

  std::vector<std::string>& warnings() noexcept { return warnings_; }

 private:
  Plan* make(const RelationPtr& relation);
  void drop_unused(std::uint64_t relation_id);

  const EnvelopeOptions& options_;
  const ConversionFacts facts_;
  absl::flat_hash_map<const Relation*, std::unique_ptr<Plan>> plans_;  // a plan keeps its relation alive
  std::vector<Plan*> of_batch_;
  std::vector<std::string> warnings_;
};

}  // namespace millrace::debezium
