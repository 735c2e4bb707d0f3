// SPDX-License-Identifier: Apache-2.0
#include "sim/model_checkpoints.h"

#include <algorithm>
#include <utility>

#include "base/reason_code.h"

namespace millrace::sim {

absl::StatusOr<StoredCheckpoints> ModelCheckpoints::open() {
  if (std::exchange(fail_open_, false)) {
    return with_reason(absl::FailedPreconditionError("the model's checkpoint is locked"),
                       ReasonCode::kCheckpointLocked);
  }
  return durable_;
}

bool ModelCheckpoints::spoil(std::uint64_t seed) {
  if (!durable_.newest || durable_.newest->position.text.empty()) return false;
  const char* const positions[] = {
      "not JSON",
      "[]",
      "{}",
      R"({"lsn":7})",
      R"({"lsn":"not an LSN"})",
      R"({"lsn":"0/10","tell":1})",
      R"({"lsn":"0/10","last_transaction":1})",
      R"({"lsn":"0/10","last_transaction":{}})",
      R"({"lsn":"0/10","last_transaction":{"commit_lsn":"0/8"}})",
      R"({"lsn":"0/10","last_transaction":{"commit_lsn":"0/8","end_lsn":"0/9"}})",
      R"({"lsn":"0/10","last_transaction":{"commit_lsn":"0/8","end_lsn":"0/9","xid":"x"}})",
      R"({"lsn":"0/10","last_transaction":{"commit_lsn":"0/8","end_lsn":"0/9","xid":1}})",
      R"({"lsn":"0/10","last_transaction":{"commit_lsn":"0/8","end_lsn":"0/9","xid":1,"commit_time_us":{}}})",
      R"({"lsn":"0/10","last_transaction":{"commit_lsn":"0/8","end_lsn":"0/9","xid":1,"commit_time_us":2}})",
      R"({"lsn":"0/10","last_transaction":{"commit_lsn":"0/8","end_lsn":"0/9","xid":1,"commit_time_us":2,"changes":[]}})"};
  const char* const identities[] = {
      "not JSON",
      "[]",
      "{}",
      R"({"timeline":"x"})",
      R"({"timeline":1})",
      R"({"timeline":1,"system_identifier":7})",
      R"({"timeline":1,"system_identifier":"7"})",
      R"({"timeline":1,"system_identifier":"7","timeline_history":""})",
      R"({"timeline":1,"system_identifier":"7","timeline_history":"","database":"shop"})"};
  Random random(seed);
  if (random.percent(10)) {
    durable_.newest->source_identity.clear();  // as before the server was met: no harm
    return false;
  }
  if (random.percent(60)) {
    durable_.newest->position.text = random.pick(positions);
  } else {
    durable_.newest->source_identity = random.pick(identities);
  }
  return true;
}

void ModelCheckpoints::write(Checkpoint checkpoint) {
  if (pending_) verdict_.fail("a checkpoint was written before the one before was reported");
  const std::uint64_t before = durable_.newest ? durable_.newest->generation : 0;
  if (checkpoint.generation <= before) verdict_.fail("a checkpoint's generation did not grow");
  pending_ = std::move(checkpoint);
  due_us_ = std::max(clock_.monotonic_us() + random_.between(0, write_us_), stalled_until_us_);
}

void ModelCheckpoints::make_durable() {
  durable_.previous = std::move(durable_.newest);
  durable_.newest = std::exchange(pending_, std::nullopt);
}

std::optional<absl::StatusOr<std::uint64_t>> ModelCheckpoints::poll() {
  if (fenced_) {
    pending_.reset();
    return with_reason(absl::FailedPreconditionError("another instance of the model took over"),
                       ReasonCode::kFenced);
  }
  if (clock_.monotonic_us() < next_deadline_us()) return std::nullopt;
  if (std::exchange(fail_next_, false)) {
    pending_.reset();
    return with_reason(absl::UnavailableError("the model's checkpoint disk failed"),
                       ReasonCode::kCheckpointWriteFailed);
  }
  make_durable();
  return durable_.newest->generation;
}

void ModelCheckpoints::crash() {
  if (pending_ && !fenced_ && random_.percent(50)) make_durable();
  pending_.reset();
  fenced_ = false;
  fail_next_ = false;
  // As the file store does: the copy before steps in, and the source was told no more than it holds.
  if (std::exchange(damage_, false) && durable_.previous) durable_.newest = durable_.previous;
}

}  // namespace millrace::sim
