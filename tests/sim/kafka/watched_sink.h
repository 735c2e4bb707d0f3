// SPDX-License-Identifier: Apache-2.0
// A sink, and what it may do: records go in as they are expected, and a piece comes back, and a mark passes,
// only when the topics hold all of it.
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "sim/kafka/topic_contents.h"
#include "sim/ledger.h"
#include "sim/verdict.h"
#include "sink/record_sink.h"

namespace millrace::sim {

class WatchedSink final : public RecordSink {
 public:
  WatchedSink(std::unique_ptr<RecordSink> sink, const Ledger& ledger, const TopicContents& contents,
              Verdict& verdict);

  absl::StatusOr<SinkResume> open(std::string_view state, bool discard_tail) override;
  bool ready() const noexcept override { return sink_->ready(); }
  void submit(Piece* piece) override;
  Piece* poll(std::int64_t now_us) override;
  absl::Status status() const override { return sink_->status(); }
  void pass(const Piece& piece, std::size_t mark) override;
  std::string state() const override;
  void flush() override { sink_->flush(); }
  void let_go() override { sink_->let_go(); }
  std::int64_t next_deadline_us() const noexcept override { return sink_->next_deadline_us(); }

  std::size_t pieces_under_way() const noexcept { return under_way_.size(); }
  /// Submitted by this process and before, by partition.
  const std::vector<std::size_t>& submitted() const noexcept { return submitted_; }
  /// Called at open() when the output begins anew.
  std::function<void()> on_new_beginning = [] {};

 private:
  struct UnderWay {
    Piece* piece;
    std::vector<std::size_t> ends;
  };
  void take(const Record& record);
  void must_be_held(const std::vector<std::size_t>& ends, std::string_view what) const;

  std::unique_ptr<RecordSink> sink_;
  const Ledger& ledger_;
  const TopicContents& contents_;
  Verdict& verdict_;
  std::vector<std::size_t> submitted_;  ///< Expected records of each partition, from the first on.
  std::vector<std::size_t> passed_;     ///< At the last passed mark.
  std::deque<UnderWay> under_way_;
  std::deque<std::vector<std::size_t>> marks_;  ///< Ends of the marks that have not passed.
};

}  // namespace millrace::sim
