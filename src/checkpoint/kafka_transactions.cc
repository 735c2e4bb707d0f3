// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/kafka_transactions.h"

#include <utility>

#include "base/concat.h"
#include "base/failpoint.h"
#include "base/reason_code.h"
#include "checkpoint/checkpoint_text.h"
#include "kafka/errors.h"

namespace millrace {

namespace {

// What is open when its writer dies holds back every reader of the partition for so long.
constexpr const char* kTransactionTimeoutMs = "10000";
constexpr int kCallMs = 500;
constexpr int kRetryMs = 100;

}  // namespace

absl::StatusOr<std::unique_ptr<KafkaTransactions>> KafkaTransactions::fence(const KafkaConfig& config,
                                                                            const std::string& pipeline,
                                                                            const Patience& patience) {
  const std::string largest = concat(2 * kCheckpointBytesMax + (1U << 19));
  absl::StatusOr<std::unique_ptr<KafkaLink>> link = KafkaLink::open(
      config, kafka::Purpose::kCheckpointProducer, pipeline,
      {{"transaction.timeout.ms", kTransactionTimeoutMs}, {"message.max.bytes", largest.c_str()}});
  if (!link.ok()) return link.status();
  const std::string what = concat("taking transactional.id \"", kafka::transactional_id(pipeline), "\"");
  for (;;) {
    const kafka::ErrorPtr error(rd_kafka_init_transactions((*link)->raw(), patience.slice_ms(kCallMs)));
    if (error == nullptr) return std::unique_ptr<KafkaTransactions>(new KafkaTransactions(*std::move(link)));
    if (rd_kafka_error_is_retriable(error.get()) == 0) return (*link)->failed(error.get(), what);
    if (!(*link)->worth_waiting(patience)) return (*link)->gave_up(patience, what);
    if (rd_kafka_error_code(error.get()) != RD_KAFKA_RESP_ERR__TIMED_OUT) patience.sleep_ms(kRetryMs);
  }
}

absl::Status KafkaTransactions::commit(const std::string& topic, std::span<const KeyedText> records,
                                       const Patience& patience) {
  constexpr std::string_view kWhat = "storing the position";
  rd_kafka_t* const raw = link_->raw();
  if (const kafka::ErrorPtr error{rd_kafka_begin_transaction(raw)}) return link_->failed(error.get(), kWhat);
  for (const KeyedText& record : records) {
    // The library copies: a retry may come after the record is gone here.
    void* const text = record.text ? const_cast<char*>(record.text->data()) : nullptr;
    const std::size_t text_bytes = record.text ? record.text->size() : 0;
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        raw, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(0),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(record.key.data(), record.key.size()),
        RD_KAFKA_V_VALUE(text, text_bytes), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return kafka::error_status(error, kWhat);
  }
  MILLRACE_FAILPOINT(kCheckpointProduced, return injected);
  for (;;) {
    const kafka::ErrorPtr error(rd_kafka_commit_transaction(raw, patience.slice_ms(kCallMs)));
    if (error == nullptr) {
      MILLRACE_FAILPOINT(kCheckpointCommitted, return injected);
      return absl::OkStatus();
    }
    const bool again =
        rd_kafka_error_is_retriable(error.get()) != 0 && rd_kafka_error_txn_requires_abort(error.get()) == 0;
    if (!again) return link_->failed(error.get(), kWhat);
    link_->worth_waiting(patience);  // notes what the library complains about
    if (patience.over()) return link_->gave_up(patience, kWhat);
    if (rd_kafka_error_code(error.get()) != RD_KAFKA_RESP_ERR__TIMED_OUT) patience.sleep_ms(kRetryMs);
  }
}

}  // namespace millrace
