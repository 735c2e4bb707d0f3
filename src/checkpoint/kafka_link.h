// SPDX-License-Identifier: Apache-2.0
// A client of the checkpoint topic: the library's handle, and what it complained about last. Calls that block
// do so within a Patience.
#pragma once
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "kafka/client_config.h"
#include "kafka/handles.h"

namespace millrace {

/// How long a blocking call may take, and what ends it before.
struct Patience {
  std::int64_t began_us = 0;  ///< Monotonic.
  std::int64_t deadline_us = 0;
  std::function<bool()> stopped = {};  ///< May be empty.

  static Patience of_ms(std::int64_t ms, std::function<bool()> stopped = {});
  bool is_stopped() const { return stopped && stopped(); }
  bool over() const;
  /// Calls are cut into slices, so that a stop is noticed: what is left, between 0 and `slice_ms`.
  int slice_ms(int slice_ms = 250) const;
  /// Waits, unless it is over.
  void sleep_ms(int ms) const;
};

/// Owner: one thread at a time.
class KafkaLink {
 public:
  using Properties = std::initializer_list<std::pair<const char*, const char*>>;

  /// @param more  properties of librdkafka over those of the purpose.
  static absl::StatusOr<std::unique_ptr<KafkaLink>> open(const KafkaConfig& config, kafka::Purpose purpose,
                                                         const std::string& pipeline, Properties more = {});
  KafkaLink(const KafkaLink&) = delete;
  KafkaLink& operator=(const KafkaLink&) = delete;
  ~KafkaLink() = default;

  /// Hears what the library complains about, when it is something else than before.
  void tell_complaints(std::function<void(const absl::Status&)> tell) { tell_ = std::move(tell); }

  rd_kafka_t* raw() const noexcept { return handle_.get(); }

  /// The answer to what was asked with `queue`, or nothing when the patience is over.
  kafka::EventPtr wait(rd_kafka_queue_t* queue, const Patience& patience);

  /// Whether to try again. False when the patience is over, and when the library has complained for some
  /// seconds about something that waiting does not cure (a wrong password, say).
  bool worth_waiting(const Patience& patience);
  /// What a call returns that was given up: a stop, the library's last complaint, or that nobody answers.
  absl::Status gave_up(const Patience& patience, std::string_view what) const;
  /// An error of the library as a status; the reason of a fatal error instead of "fatal error".
  absl::Status failed(const rd_kafka_error_t* error, std::string_view what) const;

 private:
  KafkaLink() = default;
  void collect();

  kafka::ClientPtr handle_;
  kafka::QueuePtr events_;
  rd_kafka_resp_err_t complaint_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string complaint_text_;
  std::function<void(const absl::Status&)> tell_;  ///< May be empty.
};

}  // namespace millrace
