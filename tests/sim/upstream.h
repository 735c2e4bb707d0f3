// SPDX-License-Identifier: Apache-2.0
// A modelled database together with the source that reads it: what the scheduler knows of either.
#pragma once
#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <string>

#include "pipeline/pipeline_core.h"
#include "sim/downstream.h"
#include "sim/ledger.h"
#include "sim/model_checkpoints.h"
#include "sim/model_clock.h"
#include "sim/scenario.h"
#include "sim/verdict.h"

namespace millrace::sim {

/// What all models of a run share.
struct Surroundings {
  const Scenario& scenario;
  const ModelClock& clock;
  Verdict& verdict;
  Ledger& ledger;
  const Downstream& sink;
  const ModelCheckpoints& checkpoints;
  std::uint64_t poison_in = 0;  ///< So many changes from now one cannot be encoded; 0: never.
};

class Upstream {
 public:
  virtual ~Upstream() = default;

  // The database.
  virtual void apply(const Step& step) = 0;
  virtual bool step(std::int64_t now_us) = 0;
  virtual std::int64_t next_deadline_us() const = 0;
  /// Faults end: from here on the product must get on.
  virtual void heal() = 0;

  // The product's process.
  virtual std::unique_ptr<BatchEncoder> make_encoder() = 0;
  /// How receive memory is cut in this run.
  virtual void plan(MemoryPlan& memory) const = 0;
  /// Makes the source of a process that starts.
  virtual Source& connect(PipelineCore& core) = 0;
  /// The process is gone.
  virtual void disconnect() = 0;

  // The invariants.
  /// After every turn of a running process.
  virtual void check() = 0;
  /// Nothing will happen any more, and the database has been told all of it.
  virtual bool settled() const = 0;
  /// Why it is not settled, for people.
  virtual std::string state() const = 0;
  /// The product stopped with this; true when something that happened is a reason for it.
  virtual bool excuses(const absl::Status& status) = 0;
  /// Nothing can go on after what happened: the run ends when the product has stopped by itself.
  virtual bool over() const = 0;
  /// An orderly stop takes along what a start would need.
  virtual bool ends_with_a_stop() const = 0;
};

std::unique_ptr<Upstream> make_postgres_upstream(Surroundings& around);
std::unique_ptr<Upstream> make_gtid_upstream(Surroundings& around);

}  // namespace millrace::sim
