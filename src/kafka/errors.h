// SPDX-License-Identifier: Apache-2.0
// What becomes of an error that librdkafka reports. docs/kafka.md has the same table for people.
#pragma once
#include <absl/status/status.h>
#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <string_view>

#include "base/reason_code.h"

namespace millrace::kafka {

enum class Handling : std::uint8_t {
  kRetry,    ///< librdkafka goes on by itself, without end; health turns red when it lasts.
  kRestart,  ///< This client is done for: a new one may succeed, from the checkpoint.
  kStop,     ///< Stays until somebody changes something.
};

struct ErrorClass {
  Handling handling = Handling::kStop;
  ReasonCode reason = ReasonCode::kInternal;
};

/// Of an error of a delivery report, an answer of the admin API, a transaction or an error event. What is not
/// listed is kRestart with DELIVERY_FAILED: a new client, and what was not acknowledged again.
ErrorClass classify(rd_kafka_resp_err_t error) noexcept;

/// `<what>: <librdkafka's or the broker's words> (<NAME>)` with the reason; OK for no error.
/// @param details  instead of the error's own words, when there are better ones.
absl::Status error_status(rd_kafka_resp_err_t error, std::string_view what, std::string_view details = {});

/// The same for an error object, which stays the caller's; nullptr is OK.
absl::Status error_status(const rd_kafka_error_t* error, std::string_view what);

/// Whether a pipeline that ended so may be started again by itself: another try may succeed.
bool may_pass(ReasonCode reason) noexcept;

}  // namespace millrace::kafka
