// SPDX-License-Identifier: Apache-2.0
// What a failure of the server or of the connection means: try again, wait for somebody, stop, or take a new
// snapshot. Knows SQLSTATEs and libpq's words, and no libpq: the stream's logic classifies the errors it
// reads itself with it.
#pragma once
#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/reason_code.h"
#include "millrace/source/postgres/backend.h"
#include "source/postgres/edge.h"

namespace millrace::postgres {

/// What was being done when it failed: the same SQLSTATE means different things.
enum class Phase : std::uint8_t {
  kConnect,
  kQuery,
  kPublication,
  kCreateSlot,
  kStart,
  kStream,
  kSnapshot,
  kDropSlot
};

enum class Action : std::uint8_t {
  kRetry,       ///< Passes by itself: a restart, a network, a load.
  kWait,        ///< Somebody has to do something, and then it works without a restart of ours: keep trying.
  kStop,        ///< The configuration, the server's settings or the program must change first.
  kResnapshot,  ///< Log is gone: only a new slot and a new snapshot go on.
};
constexpr bool is_retryable(Action action) noexcept {
  return action == Action::kRetry || action == Action::kWait;
}

struct Verdict {
  ReasonCode reason = ReasonCode::kInternal;
  Action action = Action::kStop;
};

/// @param sqlstate  five characters, or empty: libpq's own words are looked at then.
/// @param message   the server's or libpq's text; only consulted where the SQLSTATE says too little.
Verdict classify(Phase phase, std::string_view sqlstate, std::string_view message) noexcept;

/// For errors of the system: connect, send, receive.
Verdict classify_errno(int error_number) noexcept;

/// A status with reason and action attached. `doing` begins the text: `postgres: <doing>: <message>`.
absl::Status server_error(Phase phase, std::string_view doing, std::string_view sqlstate,
                          std::string_view message, std::string_view detail = {}, std::string_view hint = {});
absl::Status action_error(Verdict verdict, std::string_view message);

/// The action attached by the functions above; kStop for a status without one.
Action action_of(const absl::Status& status) noexcept;

/// The event for a failed request.
EdgeFailed to_event(absl::Status status);

/// An ErrorResponse that the stream or the COPY of the snapshot has read.
EdgeFailed report_failed(Phase phase, std::string_view doing, const ServerReport& report);

}  // namespace millrace::postgres
