// SPDX-License-Identifier: Apache-2.0
// One librdkafka producer: messages in without a copy of their value, events out.
#pragma once
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "change/record.h"
#include "kafka/client_config.h"
#include "kafka/handles.h"
#include "sink/kafka/kafka_port.h"
#include "sink/kafka/record_size.h"

namespace millrace {

/// The headers that records of a pipeline share, ready for messages. A message owns its headers, a block for
/// each: those of a delivered one serve the next.
/// Owner: the order stage's thread.
class RecordHeaders {
 public:
  explicit RecordHeaders(std::vector<ContextHeader> context);

  /// Of one record: its own first, then the shared ones if it carries them; nullptr: none.
  kafka::HeadersPtr make(const Record& record);
  /// Those of a message that is done with.
  void give_back(kafka::HeadersPtr headers);

 private:
  /// More than a batch has, so that one batch's serve the next; what stays is some 2 MiB.
  static constexpr std::size_t kSparesMax = 4096;

  std::vector<ContextHeader> context_;
  kafka::HeadersPtr shared_;
  std::vector<kafka::HeadersPtr> spares_;  ///< Each has the shared ones and no other.
};

/// Owner: the order stage's thread.
class Producer final : public ProducerPort {
 public:
  /// @param headers  must outlive it.
  /// @param wake_fd  an eventfd that becomes readable when next_event() has something.
  static absl::StatusOr<std::unique_ptr<Producer>> create(const KafkaConfig& config,
                                                          const std::string& pipeline, Way way,
                                                          std::int64_t batch_bytes_max,
                                                          RecordHeaders& headers, int wake_fd);
  /// Purges, waits for the threads. What was not delivered is not touched any more.
  ~Producer() override;
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  rd_kafka_t* client() const noexcept { return client_.get(); }

  std::uint32_t open_topic(const std::string& name) override;
  rd_kafka_resp_err_t produce(std::uint32_t topic, std::int32_t partition, const Record& record,
                              std::int64_t timestamp_ms, InFlightRecord* under_way) override;
  bool next_event(ProducerEvent& event) override;

 private:
  Producer(kafka::ClientPtr client, RecordHeaders& headers, int wake_fd);
  bool next_deliveries(ProducerEvent& event);
  void read_error(rd_kafka_event_t* from, ProducerEvent& event) const;

  kafka::ClientPtr client_;
  RecordHeaders& headers_;
  kafka::QueuePtr queue_;
  std::vector<kafka::TopicPtr> topics_;
  kafka::EventPtr reports_;  ///< Delivery reports that are not all read.
};

}  // namespace millrace
