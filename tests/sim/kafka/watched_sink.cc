// SPDX-License-Identifier: Apache-2.0
#include "sim/kafka/watched_sink.h"

#include <absl/strings/numbers.h>

#include <algorithm>
#include <sstream>

#include "base/concat.h"

namespace millrace::sim {

WatchedSink::WatchedSink(std::unique_ptr<RecordSink> sink, const Ledger& ledger,
                         const TopicContents& contents, Verdict& verdict)
    : sink_(std::move(sink)),
      ledger_(ledger),
      contents_(contents),
      verdict_(verdict),
      submitted_(ledger.partition_count()),
      passed_(ledger.partition_count()) {}

absl::StatusOr<SinkResume> WatchedSink::open(std::string_view state, bool discard_tail) {
  const std::size_t end = state.find('|');
  std::istringstream in{std::string(state.substr(0, end))};
  for (std::size_t& at : passed_) {
    if (!state.empty() && !(in >> at)) verdict_.fail(concat("the sink's state came back as '", state, "'"));
  }
  submitted_ = passed_;
  if (discard_tail) on_new_beginning();
  must_be_held(passed_, "the checkpoint covers");
  return sink_->open(state.empty() ? state : state.substr(end + 1), discard_tail);
}

void WatchedSink::take(const Record& record) {
  const std::size_t index = ledger_.partition_of(record.partition_hash);
  const auto& expected = ledger_.partition(index);
  const std::string_view text(reinterpret_cast<const char*>(record.value), record.value_size);
  std::size_t& at = submitted_[index];
  if (at >= expected.size() || expected[at].text != text) {
    verdict_.fail(concat("partition ", index, ", record ", at, " of ", expected.size(), ": expected ",
                         at < expected.size() ? expected[at].text : "none", ", got ", text));
    return;
  }
  ++at;
}

void WatchedSink::submit(Piece* piece) {
  if (!ready()) verdict_.fail("a piece was submitted to a sink that is not ready");
  std::size_t mark = 0;
  for (std::size_t i = 0; i <= piece->records.size(); ++i) {
    for (; mark < piece->marks.size() && piece->marks[mark].record_end <= i; ++mark)
      marks_.push_back(submitted_);
    if (i < piece->records.size()) take(piece->records[i]);
  }
  under_way_.push_back({piece, submitted_});
  sink_->submit(piece);
}

Piece* WatchedSink::poll(std::int64_t now_us) {
  Piece* const piece = sink_->poll(now_us);
  if (piece == nullptr) return nullptr;
  const auto found = std::ranges::find(under_way_, piece, &UnderWay::piece);
  if (found == under_way_.end()) {
    verdict_.fail("a piece came back that was not submitted");
    return piece;
  }
  must_be_held(found->ends, "a piece was acknowledged with");
  under_way_.erase(found);
  return piece;
}

void WatchedSink::pass(const Piece& piece, std::size_t mark) {
  if (marks_.empty()) return verdict_.fail("a mark passed that was not submitted");
  passed_ = std::move(marks_.front());
  marks_.pop_front();
  must_be_held(passed_, "a mark passed behind");
  sink_->pass(piece, mark);
}

std::string WatchedSink::state() const {
  std::string text;
  for (const std::size_t at : passed_) append(text, at, " ");
  return concat(text, "|", sink_->state());
}

void WatchedSink::must_be_held(const std::vector<std::size_t>& ends, std::string_view what) const {
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (ends[i] > contents_.held(i)) {
      verdict_.fail(
          concat(what, " ", ends[i], " records of partition ", i, ", which holds ", contents_.held(i)));
    }
  }
}

}  // namespace millrace::sim
