// SPDX-License-Identifier: Apache-2.0
#include "sink/null_sink.h"

#include <deque>
#include <limits>

namespace millrace {

namespace {

class NullSink final : public RecordSink {
 public:
  absl::StatusOr<SinkResume> open(std::string_view, bool) override { return SinkResume{}; }
  bool ready() const noexcept override { return true; }
  void submit(Piece* piece) override { pieces_.push_back(piece); }
  Piece* poll(std::int64_t) override {
    if (pieces_.empty()) return nullptr;
    Piece* piece = pieces_.front();
    pieces_.pop_front();
    return piece;
  }
  absl::Status status() const override { return absl::OkStatus(); }
  void pass(const Piece&, std::size_t) override {}
  std::string state() const override { return {}; }
  void flush() override {}
  std::int64_t next_deadline_us() const noexcept override { return std::numeric_limits<std::int64_t>::max(); }

 private:
  std::deque<Piece*> pieces_;
};

class NullRowSink final : public RowSink {
 public:
  bool ready() const noexcept override { return true; }
  void submit(Batch* batch) override { batches_.push_back(batch); }
  Batch* poll(std::int64_t) override {
    if (batches_.empty()) return nullptr;
    Batch* batch = batches_.front();
    batches_.pop_front();
    return batch;
  }
  absl::Status status() const override { return absl::OkStatus(); }

 private:
  std::deque<Batch*> batches_;
};

}  // namespace

std::unique_ptr<RecordSink> make_null_sink() { return std::make_unique<NullSink>(); }
std::unique_ptr<RowSink> make_null_row_sink() { return std::make_unique<NullRowSink>(); }

}  // namespace millrace
