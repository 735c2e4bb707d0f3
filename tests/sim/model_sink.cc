// SPDX-License-Identifier: Apache-2.0
#include "sim/model_sink.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "base/concat.h"
#include "base/reason_code.h"

namespace millrace::sim {

namespace {

std::string_view value_of(const Record& record) {
  return {reinterpret_cast<const char*>(record.value), record.value_size};
}

absl::Status broken(std::string_view what) {
  return with_reason(absl::UnavailableError(what.data()), ReasonCode::kSinkWriteFailed);
}

}  // namespace

ModelSink::ModelSink(ModelSinkOptions options, const Ledger& ledger, const ModelClock& clock,
                     Verdict& verdict, std::uint64_t seed)
    : options_(options),
      ledger_(ledger),
      clock_(clock),
      verdict_(verdict),
      random_(seed),
      partitions_(ledger.partition_count()) {}

absl::StatusOr<SinkResume> ModelSink::open(std::string_view state, bool discard_tail) {
  if (std::exchange(fail_open_, false)) return broken("the model's sink could not be opened");
  std::istringstream in{std::string(state)};
  SinkResume resume;
  for (Partition& partition : partitions_) {
    std::size_t at = 0;
    if (!state.empty() && !(in >> at)) verdict_.fail(concat("the sink's state came back as '", state, "'"));
    if (state.empty() && partition.covered != 0) {
      verdict_.fail("records were written before the first checkpoint said where the output stood");
    }
    if (at > partition.covered) {
      verdict_.fail(concat("the checkpoint covers ", at, " records, the sink holds ", partition.covered));
    }
    if (discard_tail) partition.covered = at;
    // What stands there is synced before anything is made of it.
    partition.synced = partition.covered;
    partition.passed = partition.submitted = partition.written = partition.settled = at;
    if (options_.exactly_once) {
      partition.written = partition.settled = partition.covered;
      resume.tail_records += partition.covered - at;
    }
  }
  return resume;
}

bool ModelSink::ready() const noexcept { return status_.ok() && pending_.size() < options_.pieces_max; }

void ModelSink::take(const Record& record) {
  const std::size_t index = ledger_.partition_of(record.partition_hash);
  Partition& partition = partitions_[index];
  const auto& expected = ledger_.partition(index);
  const std::string_view text = value_of(record);
  if (partition.submitted >= expected.size()) {
    verdict_.fail(
        concat("partition ", index, " has ", expected.size(), " records, but another came: ", text));
    return;
  }
  if (expected[partition.submitted].text != text) {
    verdict_.fail(concat("partition ", index, ", record ", partition.submitted, ": expected ",
                         expected[partition.submitted].text, ", got ", text));
    return;
  }
  ++partition.submitted;
}

void ModelSink::submit(Piece* piece) {
  if (!ready()) verdict_.fail("a piece was submitted to a sink that is not ready");
  const auto ends = [&] {
    std::vector<std::size_t> out;
    for (const Partition& partition : partitions_) out.push_back(partition.submitted);
    return out;
  };
  std::size_t mark = 0;
  for (std::size_t i = 0; i <= piece->records.size(); ++i) {
    for (; mark < piece->marks.size() && piece->marks[mark].record_end <= i; ++mark) {
      piece->marks[mark].sink_words[0] = ++marks_made_;
      marks_.push_back(ends());
    }
    if (i < piece->records.size()) take(piece->records[i]);
  }
  if (mark != piece->marks.size()) verdict_.fail("a mark lies behind its piece's last record");
  pending_.push_back({piece, ends(), kNever, 0});
}

void ModelSink::sync() {
  for (Partition& partition : partitions_) {
    partition.synced = std::max(partition.synced, partition.written);
    partition.settled = partition.written;
  }
  next_sync_us_ = kNever;
}

void ModelSink::move_on(std::int64_t now_us) {
  if (now_us < stalled_until_us_) return;
  if (now_us >= next_write_us_) {
    bool wrote = false;
    for (Partition& partition : partitions_) {
      const std::size_t left = partition.submitted - std::min(partition.written, partition.submitted);
      if (left == 0) continue;
      // Torn anywhere: a crash finds a piece half written.
      partition.written += 1 + random_.below(left);
      partition.covered = std::max(partition.covered, partition.written);
      wrote = true;
    }
    if (wrote) {
      next_write_us_ = now_us + random_.between(0, options_.write_us);
      if (next_sync_us_ == kNever) next_sync_us_ = now_us + options_.sync_interval_us;
    }
  }
  // As much as may wait does wait: no reason to hold it back any longer.
  const bool full = pending_.size() >= options_.pieces_max;
  if (options_.sync_interval_us == 0 || now_us >= next_sync_us_ || full) sync();
  if (flush_) {
    const bool all_written = std::all_of(partitions_.begin(), partitions_.end(),
                                         [](const Partition& p) { return p.written >= p.submitted; });
    sync();
    if (all_written) flush_ = false;
  }
  for (Pending& pending : pending_) {
    if (pending.acknowledged_us != kNever) continue;
    bool settled = true;
    for (std::size_t i = 0; i < partitions_.size(); ++i) settled &= partitions_[i].settled >= pending.ends[i];
    if (settled) pending.acknowledged_us = now_us + pending.delay_us + random_.between(0, options_.ack_us);
  }
}

Piece* ModelSink::poll(std::int64_t now_us) {
  if (!status_.ok()) return nullptr;
  if (std::exchange(fail_next_, false)) {
    status_ = broken("the model's sink failed for good");
    return nullptr;
  }
  move_on(now_us);
  if (pending_.empty() || now_us < stalled_until_us_) return nullptr;
  // In another order: begin to look anywhere.
  const std::size_t from = options_.in_order ? 0 : random_.below(pending_.size());
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const std::size_t at = (from + i) % pending_.size();
    if (pending_[at].acknowledged_us > now_us) {
      if (options_.in_order) return nullptr;
      continue;
    }
    Piece* const piece = pending_[at].piece;
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(at));
    return piece;
  }
  return nullptr;
}

void ModelSink::lose_acknowledgements() {
  constexpr std::int64_t kRetryUs = 300'000;
  for (Pending& pending : pending_) {
    if (!random_.percent(60)) continue;
    pending.delay_us = kRetryUs;
    if (pending.acknowledged_us != kNever) pending.acknowledged_us = clock_.monotonic_us() + kRetryUs;
  }
}

void ModelSink::pass(const Piece& piece, std::size_t mark) {
  if (piece.marks[mark].sink_words[0] != ++marks_passed_) {
    verdict_.fail(concat("mark ", piece.marks[mark].sink_words[0], " passed as number ", marks_passed_));
    return;
  }
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    partitions_[i].passed = marks_.front()[i];
    if (partitions_[i].settled < partitions_[i].passed) {
      verdict_.fail(concat("a mark passed behind record ", partitions_[i].passed, " of partition ", i,
                           ", of which ", partitions_[i].settled, " are durable"));
    }
  }
  marks_.pop_front();
}

std::string ModelSink::state() const {
  std::string text;
  for (const Partition& partition : partitions_) append(text, partition.passed, " ");
  return text;
}

std::int64_t ModelSink::next_deadline_us() const noexcept {
  if (!status_.ok()) return kNever;
  std::int64_t deadline = kNever;
  for (const Partition& partition : partitions_) {
    if (partition.written < partition.submitted) deadline = std::min(deadline, next_write_us_);
  }
  if (next_sync_us_ != kNever) deadline = std::min(deadline, next_sync_us_);
  for (const Pending& pending : pending_) {
    deadline = std::min(deadline, pending.acknowledged_us);
    // Whatever is to be done with it is done when the stall ends.
    if (stalled_until_us_ > clock_.monotonic_us()) deadline = std::min(deadline, stalled_until_us_);
    if (options_.in_order) break;
  }
  return deadline == kNever ? kNever : std::max(deadline, stalled_until_us_);
}

bool ModelSink::apply(const Step& step) {
  Random random(step.seed);
  switch (step.kind) {
    case StepKind::kStallSink:
      stalled_until_us_ = clock_.monotonic_us() + random.between(1'000, 1'000'000);
      return true;
    case StepKind::kFailSink:
      fail_next_ = may_fail_ = true;
      return true;
    case StepKind::kFailSinkOpen:
      fail_open_ = may_fail_ = true;
      return true;
    case StepKind::kLoseAcknowledgements:
      lose_acknowledgements();
      return true;
    default:
      return false;
  }
}

bool ModelSink::excuses(const absl::Status& status) const {
  return may_fail_ && reason_of(status) == ReasonCode::kSinkWriteFailed;
}

void ModelSink::disconnect(bool power_cut) {
  pending_.clear();
  marks_.clear();
  marks_made_ = marks_passed_ = 0;
  status_ = absl::OkStatus();
  flush_ = fail_next_ = false;
  next_write_us_ = stalled_until_us_ = 0;
  next_sync_us_ = kNever;
  for (Partition& partition : partitions_) {
    if (power_cut && options_.sync_interval_us != 0) {
      partition.covered = partition.synced + random_.below(partition.covered - partition.synced + 1);
    }
  }
}

std::string ModelSink::describe() const {
  std::string text = concat(pending_.size(), " pieces at the sink");
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    const Partition& p = partitions_[i];
    append(text, ", partition ", i, " has ", p.covered, " of ", ledger_.partition(i).size(), " (submitted ",
           p.submitted, ", written ", p.written, ", settled ", p.settled, ", passed ", p.passed, ")");
  }
  return text;
}

std::size_t ModelSink::durable(std::size_t partition) const {
  return options_.sync_interval_us == 0 ? partitions_[partition].covered : partitions_[partition].synced;
}

bool ModelSink::holds_everything() const {
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    if (durable(i) != ledger_.partition(i).size()) return false;
  }
  return true;
}

}  // namespace millrace::sim
