// SPDX-License-Identifier: Apache-2.0
// What the session thread is in production: requests that take a while, and fail.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/source/postgres/backend.h"
#include "sim/postgres/model_postgres.h"
#include "source/postgres/edge.h"

namespace millrace::sim {

struct ModelEdgeOptions {
  std::int64_t answer_us = 2000;  ///< A request takes up to this long.
};

/// One per process of the product.
class ModelEdge final : public postgres::PostgresEdge {
 public:
  /// @param begins  told where the pipeline's log begins, whenever an answer decides it.
  struct Beginnings {
    std::function<void(const postgres::ServerFacts&)> met;
    std::function<void(std::uint64_t consistent_point)> slot_created;
    std::function<void(const ModelSnapshot&, std::int64_t read_time_us)> snapshot_opened;
  };
  ModelEdge(ModelPostgres& server, const ModelClock& clock, ModelEdgeOptions options, Beginnings begins,
            std::uint64_t seed);

  void request(postgres::EdgeRequest request) override;
  std::optional<postgres::EdgeEvent> poll() override;
  void reset() override;

  std::int64_t next_deadline_us() const noexcept {
    return requests_.empty() ? kNever : requests_.front().due_us;
  }
  void fail_next(std::uint64_t count, bool retryable);

 private:
  struct Waiting {
    postgres::EdgeRequest request;
    std::int64_t due_us;
  };
  postgres::EdgeEvent answer(const postgres::EdgeRequest& request);
  postgres::SnapshotOpened open_snapshot();

  ModelPostgres& server_;
  const ModelClock& clock_;
  const ModelEdgeOptions options_;
  const Beginnings begins_;
  Random random_;
  std::deque<Waiting> requests_;
  ModelSnapshot snapshot_;
  std::uint64_t met_ = 0;  ///< Incarnation of the server whose facts were told.
  std::uint64_t failures_ = 0;
  bool failures_retryable_ = true;
};

/// How the product reads SQLSTATEs in simulation: classes that pass by themselves are retried.
postgres::EdgeFailed classify_report(const postgres::ServerReport& report);

}  // namespace millrace::sim
