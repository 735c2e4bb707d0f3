// SPDX-License-Identifier: Apache-2.0
// A modelled place for records together with the sink that fills it: what the scheduler knows of either.
#pragma once
#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <string>

#include "sim/ledger.h"
#include "sim/model_checkpoints.h"
#include "sim/model_clock.h"
#include "sim/scenario.h"
#include "sim/verdict.h"
#include "sink/record_sink.h"

namespace millrace::sim {

class Downstream {
 public:
  virtual ~Downstream() = default;

  // The product's process.
  /// The sink of a process that starts.
  virtual RecordSink& connect() = 0;
  /// The process has ended or died; with `power_cut` the machine.
  virtual void disconnect(bool power_cut) = 0;

  // What happens to it.
  /// @return false: nothing that concerns it.
  virtual bool apply(const Step& step) = 0;
  virtual bool step(std::int64_t now_us) = 0;
  /// When something happens without the product.
  virtual std::int64_t next_event_us() const = 0;
  /// Nobody there answers before.
  virtual std::int64_t away_until_us() const = 0;
  /// No end of the faults before.
  virtual std::int64_t lasts_until_us() const = 0;
  /// Faults end.
  virtual void heal() = 0;

  // The invariants.
  /// Records of the partition, from its first on, that survive anything.
  virtual std::size_t durable(std::size_t partition) const = 0;
  virtual bool holds_everything() const = 0;
  virtual std::size_t pieces_under_way() const = 0;
  /// The product stopped with this; true when something that happened is a reason for it.
  virtual bool excuses(const absl::Status& status) const = 0;
  /// Nothing can go on after what happened: the run ends when the product has stopped by itself.
  virtual bool over() const = 0;
  /// For people.
  virtual std::string describe() const = 0;
};

/// What a sink's model shares with the run.
struct DownstreamSurroundings {
  const Scenario& scenario;
  ModelClock& clock;
  Verdict& verdict;
  const Ledger& ledger;
  const ModelCheckpoints& checkpoints;
};

std::unique_ptr<Downstream> make_kafka_downstream(DownstreamSurroundings around);

}  // namespace millrace::sim
