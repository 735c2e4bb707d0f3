// SPDX-License-Identifier: Apache-2.0
// A second kind of source, whose positions are sets of transactions from several servers, applied out of
// their numbers' order: there is no highest one, and the last mark does not say where the log stands. What
// works for it as well as for PostgreSQL assumes no LSN.
#include <absl/strings/numbers.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "base/concat.h"
#include "base/reason_code.h"
#include "sim/gtid/gtid_set.h"
#include "sim/piece_writer.h"
#include "sim/random.h"
#include "sim/upstream.h"
#include "source/batch_builder.h"

namespace millrace::sim {

namespace {

struct Transaction {
  std::uint32_t server = 0;
  std::uint64_t number = 0;
  std::vector<std::string> changes;  ///< "row text": the row is what the partition goes by.
};

std::uint32_t hash_of(std::string_view change) {
  std::uint32_t row = 0;
  (void)absl::SimpleAtoi(absl::string_view(change.data(), std::min(change.find(' '), change.size())), &row);
  return row * 2654435761U;
}

class GtidFold final : public PositionFold {
 public:
  explicit GtidFold(GtidSet from) : set_(std::move(from)) {}
  void apply(const PositionMark& mark) override {
    set_.add(static_cast<std::uint32_t>(mark.words[0]), mark.words[1]);
  }
  Position position() const override { return {set_.text()}; }

 private:
  GtidSet set_;
};

class GtidEncoder final : public BatchEncoder {
 public:
  GtidEncoder(std::uint64_t& poison_in, const Ledger& ledger) : poison_in_(poison_in), ledger_(ledger) {}
  EncodeResult encode(const Batch& batch, std::size_t& next, Piece& piece, std::int64_t) override {
    for (; next < batch.changes.size(); ++next) {
      if (poison_in_ > 0 && --poison_in_ == 0) {
        return {
            EncodeResult::Kind::kFailed, 0,
            with_reason(absl::DataLossError("the model cannot encode this"), ReasonCode::kValueUndecodable)};
      }
      const Change& change = batch.changes[next];
      const std::string text(reinterpret_cast<const char*>(change.body), change.size);
      const EncodeResult full =
          write_change(piece, {text}, hash_of(text), batch.first_arrival + next, ledger_);
      if (full.kind != EncodeResult::Kind::kDone) return full;
    }
    return {};
  }

 private:
  std::uint64_t& poison_in_;
  const Ledger& ledger_;
};

/// Sends what the resumed set lacks, in the log's order.
class GtidSource final : public Source {
 public:
  GtidSource(const std::deque<Transaction>& log, PipelineCore& core, Verdict& verdict, Random random,
             BatchLimits limits, std::function<void(const GtidSet&)> told)
      : log_(log),
        slabs_(core.slabs()),
        builder_(core.outlet(), core.slabs(), limits),
        verdict_(verdict),
        random_(random),
        told_(std::move(told)) {}
  ~GtidSource() override {
    if (slab_ != nullptr) slabs_.release(slab_);
  }

  void start(const std::optional<SourceResume>& resume, const Position& told) override {
    if (resume) {
      const auto set = GtidSet::parse(resume->position.text);
      if (!set) return verdict_.fail("the position came back as " + resume->position.text);
      sent_ = *set;
      if (!resume->identity.empty() && resume->identity != identity())
        verdict_.fail("the identity was not kept");
    }
    durable(told);
  }

  bool step(std::int64_t now_us) override {
    if (finished_ || ended_ || now_us < cut_until_us_) return false;
    cut_until_us_ = 0;
    bool worked = false;
    for (std::uint64_t n = 1 + random_.below(10); n > 0; --n) {
      if (stop_ && change_ == 0) return end() || worked;
      while (at_ < log_.size() && change_ == 0 && sent_.contains(log_[at_].server, log_[at_].number)) ++at_;
      if (at_ == log_.size() || !builder_.open() || !push_one()) break;
      worked = true;
    }
    builder_.cut();
    return worked;
  }

  std::int64_t next_deadline_us() const override {
    return cut_until_us_ == 0 || ended_ ? kNever : cut_until_us_;
  }
  void durable(const Position& told) override {
    const auto set = GtidSet::parse(told.text);
    if (!set) return verdict_.fail("told a position that is none: " + told.text);
    told_(*set);
  }
  void request_stop(std::int64_t) override { stop_ = true; }
  void finish(const Position& told) override {
    durable(told);
    finished_ = true;
  }
  bool finished() const override { return finished_; }
  absl::Status status() const override { return absl::OkStatus(); }
  SourcePhase phase() const override { return SourcePhase::kStreaming; }
  std::unique_ptr<PositionFold> make_fold(const Position& from) const override {
    return std::make_unique<GtidFold>(GtidSet::parse(from.text).value_or(GtidSet{}));
  }
  std::string identity() const override { return "model with GTIDs"; }

  void cut_until(std::int64_t until_us) noexcept { cut_until_us_ = until_us; }

 private:
  bool end() {
    if (!builder_.open()) return false;
    builder_.end_of_input();
    ended_ = true;
    return true;
  }

  /// One change, or the end of a transaction.
  bool push_one() {
    const Transaction& transaction = log_[at_];
    if (change_ < transaction.changes.size()) {
      const std::string& text = transaction.changes[change_];
      if (slab_ == nullptr || slab_->capacity - slab_->filled < text.size()) {
        if (slab_ != nullptr) slabs_.release(slab_);
        slab_ = slabs_.take();
        if (slab_ == nullptr) return false;
      }
      std::byte* const at = slab_->memory.get() + slab_->filled;
      std::memcpy(at, text.data(), text.size());
      slab_->filled += text.size();
      Change change;
      change.body = at;
      change.size = static_cast<std::uint32_t>(text.size());
      change.kind = ChangeKind::kMessage;
      if (change_ == 0) builder_.next_transaction();
      builder_.add(change, nullptr, {}, slab_);
      ++change_;
      return true;
    }
    PositionMark mark;
    mark.words = {transaction.server, transaction.number};
    builder_.mark(mark, random_.percent(5));
    sent_.add(transaction.server, transaction.number);
    ++at_;
    change_ = 0;
    return true;
  }

  const std::deque<Transaction>& log_;
  SlabPool& slabs_;
  BatchBuilder builder_;
  Verdict& verdict_;
  Random random_;
  const std::function<void(const GtidSet&)> told_;
  Slab* slab_ = nullptr;
  GtidSet sent_;
  std::size_t at_ = 0;
  std::size_t change_ = 0;
  std::int64_t cut_until_us_ = 0;
  bool stop_ = false;
  bool ended_ = false;
  bool finished_ = false;
};

class GtidUpstream final : public Upstream {
 public:
  explicit GtidUpstream(Surroundings& around)
      : around_(around), random_(around.scenario.seed ^ 0x47544944ULL) {
    const std::size_t slabs[] = {512, 1024, 4096};
    slab_bytes_ = random_.pick(slabs);
    const std::size_t changes[] = {1, 3, 1024};
    limits_ = {random_.pick(changes), 128 + random_.below(2048)};
  }

  void apply(const Step& step) override {
    Random random(step.seed);
    switch (step.kind) {
      case StepKind::kTransaction:
      case StepKind::kNoise:
        return commit(random, step.kind == StepKind::kNoise);
      case StepKind::kCut:
        if (source_ != nullptr)
          source_->cut_until(around_.clock.monotonic_us() + random.between(100, 200'000));
        return;
      case StepKind::kPoison:
        poison_happened_ = true;
        around_.poison_in = 1 + random.below(20);
        return;
      default:
        return;
    }
  }
  bool step(std::int64_t) override { return false; }
  std::int64_t next_deadline_us() const override { return kNever; }
  void heal() override { around_.poison_in = 0; }

  std::unique_ptr<BatchEncoder> make_encoder() override {
    return std::make_unique<GtidEncoder>(around_.poison_in, around_.ledger);
  }
  void plan(MemoryPlan& memory) const override {
    memory.slab_bytes = slab_bytes_;
    memory.receive_bytes = 4 * slab_bytes_;
  }
  Source& connect(PipelineCore& core) override {
    source_ = std::make_unique<GtidSource>(log_, core, around_.verdict, Random(random_.next()), limits_,
                                           [this](const GtidSet& set) { told(set); });
    return *source_;
  }
  void disconnect() override { source_.reset(); }

  void check() override {}
  bool settled() const override { return around_.sink.holds_everything() && told_ == executed_; }
  std::string state() const override {
    return concat("executed ", executed_.text(), ", told ", told_.text());
  }
  bool excuses(const absl::Status& status) override {
    return poison_happened_ && reason_of(status) == ReasonCode::kValueUndecodable;
  }
  bool over() const override { return false; }
  bool ends_with_a_stop() const override { return false; }

 private:
  /// A transaction of one of three servers arrives, not always in its server's order.
  void commit(Random& random, bool empty) {
    Transaction transaction;
    transaction.server = static_cast<std::uint32_t>(1 + random.below(3));
    std::vector<std::uint64_t>& missing = missing_[transaction.server - 1];
    while (missing.size() < 3) missing.push_back(++last_number_[transaction.server - 1]);
    const auto at = static_cast<std::ptrdiff_t>(random.below(missing.size()));
    transaction.number = missing[static_cast<std::size_t>(at)];
    missing.erase(missing.begin() + at);
    executed_.add(transaction.server, transaction.number);
    for (std::uint64_t n = empty ? 0 : 1 + random.below(12); n > 0; --n) {
      const std::uint64_t row = random.below(12);
      transaction.changes.push_back(concat(row, " change ", ++changes_, " of ", transaction.server, ":",
                                           transaction.number, " ", std::string(random.below(200), 'y')));
      const std::string& text = transaction.changes.back();
      around_.ledger.expect(hash_of(text), text, log_.size());
    }
    log_.push_back(std::move(transaction));
  }

  void told(const GtidSet& set) {
    if (set == told_) return;
    const auto& previous = around_.checkpoints.durable().previous;
    const auto older = GtidSet::parse(previous ? previous->position.text : "");
    // A process that starts repeats what an earlier one told, or less.
    if (told_.includes(set)) return;
    if (!older || !older->includes(set)) {
      around_.verdict.fail(concat("told ", set.text(), ", the older checkpoint holds ",
                                  previous ? previous->position.text : ""));
    }
    for (std::size_t i = 0; i < around_.ledger.partition_count(); ++i) {
      const auto& expected = around_.ledger.partition(i);
      for (std::size_t at = around_.sink.durable(i); at < expected.size(); ++at) {
        const Transaction& lost = log_[expected[at].order];
        if (set.contains(lost.server, lost.number)) {
          return around_.verdict.fail(
              concat("told ", set.text(), ", but the sink could lose ", expected[at].text));
        }
      }
    }
    told_ = set;
  }

  Surroundings& around_;
  Random random_;
  std::size_t slab_bytes_ = 1024;
  BatchLimits limits_;
  std::deque<Transaction> log_;
  std::uint64_t last_number_[3] = {};
  std::vector<std::uint64_t> missing_[3];
  std::uint64_t changes_ = 0;
  GtidSet executed_;
  GtidSet told_;
  std::unique_ptr<GtidSource> source_;
  bool poison_happened_ = false;
};

}  // namespace

std::unique_ptr<Upstream> make_gtid_upstream(Surroundings& around) {
  return std::make_unique<GtidUpstream>(around);
}

}  // namespace millrace::sim
