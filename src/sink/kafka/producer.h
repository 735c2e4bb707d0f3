// SPDX-License-Identifier: Apache-2.0
// One librdkafka producer: messages in without a copy of their value, events out.
#pragma once
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "change/record.h"
#include "kafka/client_config.h"
#include "kafka/handles.h"
#include "sink/kafka/in_flight.h"

namespace millrace {

/// The headers that records of a pipeline share, ready for messages.
class RecordHeaders {
 public:
  using Header = std::pair<std::string, std::string>;
  explicit RecordHeaders(std::vector<Header> context);

  /// Of one record: its own first, then the shared ones if it carries them; nullptr: none.
  kafka::HeadersPtr make(const Record& record) const;
  /// How many, and their bytes in a record batch.
  std::pair<std::size_t, std::size_t> wire_size(const Record& record) const noexcept;

 private:
  std::vector<Header> context_;
  kafka::HeadersPtr shared_;
  std::size_t shared_wire_bytes_ = 0;
};

/// Owner: the order stage's thread.
class Producer {
 public:
  /// @param wake_fd  an eventfd that becomes readable when next_event() has something.
  static absl::StatusOr<std::unique_ptr<Producer>> create(const KafkaConfig& config,
                                                          const std::string& pipeline,
                                                          std::int64_t batch_bytes_max, int wake_fd);
  /// Purges, waits for the threads. What was not delivered is not touched any more.
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  rd_kafka_t* client() const noexcept { return client_.get(); }
  rd_kafka_queue_t* queue() const noexcept { return queue_.get(); }
  kafka::TopicPtr open_topic(const std::string& name);

  /// Hands a record over. Its value must stay until the delivery report, whose message's opaque is `opaque`.
  /// @return RD_KAFKA_RESP_ERR_NO_ERROR, or why it was not taken.
  rd_kafka_resp_err_t produce(rd_kafka_topic_t* topic, std::int32_t partition, const Record& record,
                              kafka::HeadersPtr headers, InFlightRecord* opaque);

  kafka::EventPtr next_event() { return kafka::EventPtr(rd_kafka_queue_poll(queue_.get(), 0)); }

 private:
  Producer(kafka::ClientPtr client, int wake_fd);

  kafka::ClientPtr client_;
  kafka::QueuePtr queue_;
};

}  // namespace millrace
