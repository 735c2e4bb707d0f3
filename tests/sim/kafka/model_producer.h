// SPDX-License-Identifier: Apache-2.0
// A producer as librdkafka's with enable.idempotence and enable.gapless.guarantee: up to five batches of a
// partition under way, retries in order after what is under way has drained, reports that come late and many
// at a time, the conclusion from a later batch's success to earlier ones, an epoch begun anew after a gap,
// and an end for good after what cannot be sent. Source: librdkafka, rdkafka_request.c
// (rd_kafka_handle_Produce_error and the idempotent ones), rd_kafka_dr_implicit_ack(),
// rd_kafka_set_fatal_error0().
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/kafka/model_kafka.h"
#include "sink/kafka/kafka_port.h"

namespace millrace::sim {

struct ModelProducerOptions {
  std::size_t batch_records_max = 100;
  std::size_t queue_records_max = 100'000;  ///< More are QUEUE_FULL.
  std::int64_t linger_us = 5'000;
  std::int64_t report_us = 2'000;  ///< Reports wait up to this long for more.
  std::int64_t backoff_us = 100'000;
  std::int64_t learns_us = 0;  ///< So long a topic just opened is unknown to it.
};

class ModelProducer final : public ProducerPort {
 public:
  ModelProducer(ModelProducerOptions options, ModelKafka& kafka, std::uint64_t seed);

  std::uint32_t open_topic(const std::string& name) override;
  rd_kafka_resp_err_t produce(std::uint32_t topic, std::int32_t partition, const Record& record,
                              std::int64_t timestamp_ms, InFlightRecord* under_way) override;
  bool next_event(ProducerEvent& event) override;

  // What the scheduler does.
  bool step(std::int64_t now_us);
  std::int64_t next_deadline_us() const;
  /// The connections break: of what is under way a part arrives, and nothing comes back.
  void cut();
  /// The process is gone, or the producer was purged. What was sent may arrive still.
  void die();
  void stall_reports_until(std::int64_t until_us) noexcept { reports_from_us_ = until_us; }
  /// It cannot go on, for a reason that is none of a record's.
  void fail_for_good(rd_kafka_resp_err_t error);
  /// The same, when the next record is handed over.
  void fail_with_the_next(rd_kafka_resp_err_t error) noexcept { fails_next_ = error; }

 private:
  struct Message {
    InFlightRecord* under_way = nullptr;
    const std::byte* value = nullptr;
    std::uint32_t size = 0;
    std::uint64_t id = 0;  ///< Counts from 1, by partition.
  };
  struct Lane;
  struct Batch {
    Lane* lane = nullptr;
    std::vector<Message> messages;
    std::uint64_t first_id() const { return messages.front().id; }
    std::uint64_t last_id() const { return messages.back().id; }
  };
  struct Lane {
    std::string topic;
    std::int32_t partition = 0;
    std::deque<Batch> again;  ///< To be sent again, as they were, in order.
    std::deque<Message> queue;
    std::int64_t queued_since_us = 0;
    std::size_t in_flight = 0;
    bool draining = false;  ///< Nothing is sent until nothing is under way.
    std::int64_t not_before_us = 0;
    std::int64_t acked_us = kNever;
    std::uint64_t last_id = 0;
    std::uint64_t base_id = 1;   ///< Of the epoch: has sequence number 0.
    std::uint64_t acked_id = 0;  ///< The highest.
  };
  /// On its way to a broker, or its answer on the way back.
  struct UnderWay {
    Batch batch;
    ProduceRequest request;
    bool answered = false;
    ProduceReply reply;
    std::int64_t due_us = 0;
  };
  struct Connection {
    std::deque<UnderWay> under_way;  ///< Answered ones first.
    std::int64_t busy_until_us = 0;  ///< One thing after the other, in either direction.
    std::int64_t back_until_us = 0;
    std::int64_t down_since_us = 0;
  };

  Lane& lane(std::uint32_t topic, std::int32_t partition);
  bool send(Lane& lane, std::int64_t now_us);
  bool may_send(const Lane& lane, std::int64_t now_us) const;
  std::int64_t send_deadline_us(const Lane& lane) const;
  bool move(Connection& connection, std::int64_t now_us);
  void lose(Connection& connection, rd_kafka_resp_err_t error);
  void answered(Batch batch, const ProduceReply& reply);
  void succeeded(Batch& batch, std::int64_t offset);
  void retry(Batch batch);
  bool is_fatal() const noexcept { return fatal_ != RD_KAFKA_RESP_ERR_NO_ERROR; }
  /// @param batch  whose failure it is; may be nullptr. Of what is queued nothing is sent any more; what is
  /// under way gets its answer.
  void fatal(rd_kafka_resp_err_t error, std::string words, const Batch* batch,
             rd_kafka_resp_err_t batch_error);
  void begin_epoch_when_drained();
  void report(const Message& message, rd_kafka_resp_err_t error, std::int64_t offset);
  void tell(ProducerEvent event);

  const ModelProducerOptions options_;
  ModelKafka& kafka_;
  Random random_;
  const std::uint64_t id_;
  std::int32_t epoch_ = 0;
  bool new_epoch_ = false;  ///< Once nothing is under way.
  rd_kafka_resp_err_t fails_next_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  rd_kafka_resp_err_t fatal_ = RD_KAFKA_RESP_ERR_NO_ERROR;  ///< Why nothing is sent any more.

  struct OpenTopic {
    std::string name;
    std::int64_t known_from_us = 0;
    bool known = false;
  };
  std::vector<OpenTopic> topics_;
  std::map<std::pair<std::uint32_t, std::int32_t>, Lane> lanes_;
  std::vector<Connection> connections_;  ///< By broker.
  std::uint64_t outage_told_ = 0;
  std::size_t queued_ = 0;  ///< Not reported.

  std::deque<std::pair<std::int64_t, ProducerEvent>> events_;  ///< And from when on they are seen.
  std::int64_t reports_from_us_ = 0;
};

}  // namespace millrace::sim
