// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/kafka_claim.h"

#include <sys/random.h>

#include <array>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "base/log.h"
#include "base/reason_code.h"
#include "runtime/clock.h"

namespace millrace {

namespace {

constexpr int kTriesToTake = 5;
constexpr int kOpenTransactionMs = 13'000;  // longer than any of ours may be open
constexpr int kRetryMs = 300;

/// One per process: a pipeline that is started again in it finds its own claim.
const std::string& this_instance() {
  static const std::string kInstance = [] {
    std::array<unsigned char, 12> random{};
    const ssize_t got = ::getrandom(random.data(), random.size(), 0);
    MILLRACE_CHECK(got == static_cast<ssize_t>(random.size()), "the kernel gives random bytes");
    std::string text;
    for (const unsigned char byte : random) {
      text += "0123456789abcdef"[byte >> 4];
      text += "0123456789abcdef"[byte & 15];
    }
    return text;
  }();
  return kInstance;
}

bool is_other(const std::optional<Owner>& owner) { return !owner || owner->instance != this_instance(); }

absl::Status fenced(const std::optional<Owner>& owner) {
  return reason_error(ReasonCode::kFenced,
                      owner ? concat("another instance of the pipeline has taken over: ", describe(*owner))
                            : std::string("the pipeline's stored position was removed while it ran"));
}

}  // namespace

KafkaClaim::KafkaClaim(const KafkaCheckpointOptions& options) : options_(options), keys_(options.pipeline) {}

absl::StatusOr<KafkaLink*> KafkaClaim::reader() {
  if (reader_ == nullptr) {
    absl::StatusOr<std::unique_ptr<KafkaLink>> opened =
        open_checkpoint_reader(options_.kafka, options_.pipeline);
    if (!opened.ok()) return opened.status();
    reader_ = *std::move(opened);
    reader_->tell_complaints(tell_);
  }
  return reader_.get();
}

absl::StatusOr<bool> KafkaClaim::prepare(bool create, const Patience& patience) {
  const absl::StatusOr<KafkaLink*> link = reader();
  if (!link.ok()) return link.status();
  return prepare_checkpoint_topic(**link, options_.topic, options_.kafka.bootstrap_servers, create, patience);
}

absl::StatusOr<CheckpointRecords> KafkaClaim::read(ReadTo to, const Patience& patience) {
  const absl::StatusOr<KafkaLink*> link = reader();
  if (!link.ok()) return link.status();
  return read_checkpoint_records(**link, options_.topic, keys_, to, patience);
}

absl::StatusOr<CheckpointRecords> KafkaClaim::look(const Patience& patience) {
  if (const auto made = prepare(false, patience); !made.ok()) return made.status();
  return read(ReadTo::kCommitted, patience);
}

KeyedText KafkaClaim::owner_record(Owner::State state) {
  const Owner owner{.instance = this_instance(),
                    .state = state,
                    .process = this_process(),
                    .beat = ++beat_,
                    .heartbeat_ms = options_.heartbeat_ms,
                    .written_ms = system_clock().realtime_us() / 1000};
  return {keys_.owner, to_text(owner)};
}

absl::Status KafkaClaim::check_owner_is_gone(const Owner& owner, const Patience& patience) {
  const Life life = life_of(owner.process);
  if (options_.conflict == CheckpointConflict::kTakeover) {
    log_info("checkpoint", life == Life::kEnded ? "the instance before ended without a word" : "taking over",
             {{"from", describe(owner)}});
    return absl::OkStatus();
  }
  bool lives = life == Life::kRuns;
  if (life == Life::kUnknown) {
    log_info("checkpoint", "waiting whether the pipeline's owner gives a sign of life",
             {{"owner", describe(owner)}, {"ms", owner_patience_ms(owner)}});
    const absl::StatusOr<bool> seen =
        watch_owner(options_.kafka, options_.pipeline, options_.topic, owner, patience.stopped);
    if (!seen.ok()) return seen.status();
    lives = *seen;
  }
  if (lives) {
    return reason_error(
        ReasonCode::kAlreadyActive,
        concat("another instance of pipeline \"", options_.pipeline, "\" is running: ", describe(owner)));
  }
  log_info("checkpoint", "the instance before ended without a word", {{"instance", describe(owner)}});
  return absl::OkStatus();
}

absl::StatusOr<CheckpointRecords> KafkaClaim::fence(const Patience& patience) {
  transactions_.reset();
  absl::StatusOr<std::unique_ptr<KafkaTransactions>> transactions =
      KafkaTransactions::fence(options_.kafka, options_.pipeline, patience);
  if (!transactions.ok()) return transactions.status();
  // Only now: nobody who wrote before can write any more, and what they left open is aborted.
  const Patience first = Patience::of_ms(patience.slice_ms(kOpenTransactionMs), patience.stopped);
  absl::StatusOr<CheckpointRecords> records = read(ReadTo::kEverything, first);
  if (absl::IsDeadlineExceeded(records.status()) && !patience.over()) {
    // A broker that stops may take a partition without a leader for one that was deleted, and a transaction
    // for ended whose end it never wrote (Kafka 4.3, one replica). Nobody reads what stands behind, until the
    // next transaction of the same transactional.id ends: ours, which says whose the pipeline is.
    log_warn("checkpoint", "a transaction in the checkpoint topic has no end: one of this pipeline closes it",
             {{"topic", options_.topic}, {"pipeline", options_.pipeline}});
    absl::Status closed =
        (*transactions)->commit(options_.topic, std::array{owner_record(Owner::State::kActive)}, patience);
    if (!closed.ok()) return closed;
    records = read(ReadTo::kEverything, patience);
  }
  if (records.ok()) transactions_ = *std::move(transactions);
  return records;
}

absl::StatusOr<CheckpointRecords> KafkaClaim::take(const Patience& patience) {
  bool told = false;
  if (options_.on_waiting) {
    tell_ = [this, &told](const absl::Status& status) {
      told = true;
      options_.on_waiting(status);
    };
  }
  absl::StatusOr<CheckpointRecords> records = try_to_take(patience);
  // Fenced between our fence and our word in the topic. An owner that is being taken over from may do that
  // once, before it finds our word there, and another instance that starts now.
  for (int again = 0; again < kTriesToTake && reason_of(records.status()) == ReasonCode::kFenced; ++again) {
    patience.sleep_ms(kRetryMs);
    records =
        try_to_take(Patience::of_ms((patience.deadline_us - patience.began_us) / 1000, patience.stopped));
  }
  reader_.reset();
  tell_ = nullptr;
  if (told && records.ok()) options_.on_waiting(absl::OkStatus());
  return records;
}

absl::StatusOr<CheckpointRecords> KafkaClaim::try_to_take(const Patience& patience) {
  if (const auto made = prepare(true, patience); !made.ok()) return made.status();
  const absl::StatusOr<CheckpointRecords> before = read(ReadTo::kCommitted, patience);
  if (!before.ok()) return before.status();
  if (options_.accepts) {
    // A damaged one is nobody's; open() has the words for that.
    const absl::StatusOr<StoredCheckpoints> stored = before->checkpoints(options_.topic, keys_);
    if (stored.ok() && stored->newest) {
      if (absl::Status status = options_.accepts(*stored->newest); !status.ok()) return status;
    }
  }
  const std::optional<Owner> owner = before->known_owner();
  if (owner && owner->state == Owner::State::kActive && is_other(owner)) {
    if (absl::Status status = check_owner_is_gone(*owner, patience); !status.ok()) return status;
  }
  // Watching an owner may have taken all the time there was.
  const Patience rest = Patience::of_ms((patience.deadline_us - patience.began_us) / 1000, patience.stopped);
  absl::StatusOr<CheckpointRecords> records = fence(rest);
  if (!records.ok()) return records;
  const std::optional<Owner> now = records->known_owner();
  const bool overtaken = now && now->state == Owner::State::kActive && is_other(now) &&
                         (!owner || owner->instance != now->instance);
  if (overtaken && options_.conflict == CheckpointConflict::kStop) {
    // It was quicker. Our fence costs it a new client, and nothing else: it finds itself the owner.
    transactions_.reset();
    return reason_error(ReasonCode::kAlreadyActive,
                        concat("another instance of pipeline \"", options_.pipeline,
                               "\" was started at the same time: ", describe(*now)));
  }
  if (absl::Status status = commit({}, rest); !status.ok()) return status;
  return records;
}

absl::StatusOr<bool> KafkaClaim::take_again(const Patience& patience) {
  transactions_.reset();
  reader_.reset();  // what it complained about lies hours back, perhaps
  const absl::StatusOr<bool> made = prepare(true, patience);
  if (!made.ok()) return made.status();
  if (*made) {
    made_again_ = true;
    log_warn("checkpoint", "the checkpoint topic was deleted while the pipeline ran; it is made again",
             {{"topic", options_.topic}});
  }
  const auto is_lost = [this](const std::optional<Owner>& owner) {
    return made_again_ ? owner && is_other(owner) : is_other(owner);
  };
  // First without fencing: another owner must not be troubled by one that has lost the pipeline to it.
  const absl::StatusOr<CheckpointRecords> committed = read(ReadTo::kCommitted, patience);
  if (!committed.ok()) return committed.status();
  if (const auto owner = committed->known_owner(); is_lost(owner)) return fenced(owner);
  const absl::StatusOr<CheckpointRecords> records = fence(patience);
  if (!records.ok()) return records.status();
  if (const auto owner = records->known_owner(); is_lost(owner)) {
    transactions_.reset();
    return fenced(owner);
  }
  reader_.reset();
  return made_again_;
}

absl::Status KafkaClaim::commit_all(const std::vector<KeyedText>& records, const Patience& patience) {
  absl::Status status = transactions_->commit(options_.topic, records, patience);
  if (status.ok()) {
    made_again_ = false;
  } else {
    transactions_.reset();
  }
  return status;
}

absl::Status KafkaClaim::commit(std::vector<KeyedText> records, const Patience& patience) {
  records.push_back(owner_record(Owner::State::kActive));
  return commit_all(records, patience);
}

absl::Status KafkaClaim::release(std::vector<KeyedText> records, const Patience& patience) {
  records.push_back(owner_record(Owner::State::kReleased));
  return commit_all(records, patience);
}

absl::Status KafkaClaim::erase(const Patience& patience) {
  return commit_all({{keys_.newest, {}}, {keys_.previous, {}}, {keys_.owner, {}}}, patience);
}

}  // namespace millrace
