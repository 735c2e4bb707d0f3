// SPDX-License-Identifier: Apache-2.0
// Places between "received" and "told" at which a test may kill the program, fail it or hold it up. They
// exist in a build with MILLRACE_FAILPOINTS only (the preset `failpoints`); in every other one a place is
// nothing at all.
//
//   MILLRACE_FAILPOINT(kMarkPassed, return fail(injected));
//
// The words behind the name run when the place is to fail, with `absl::Status injected` for a reason: they
// take the way that the place's own errors take.
#pragma once
#include <absl/status/status.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/reason_code.h"

namespace millrace {

enum class Failpoint : std::uint8_t {
  kSourceReceived,
  kSourceDecoded,
  kSourceHeld,
  kSourceSpilled,
  kSourceReplayed,
  kBatchPushed,
  kPieceEncoded,
  kPieceTaken,
  kPieceSubmitted,
  kTopicDescribed,
  kTopicCreated,
  kRecordProduced,
  kDeliveryReported,
  kMarkPassed,
  kCheckpointBegun,
  kCheckpointProduced,
  kCheckpointCommitted,
  kCheckpointConfirmed,
  kToldDue,
  kToldSent,
};

/// The row of a failpoint in the one table of them all.
struct FailpointInfo {
  Failpoint point;
  std::string_view name;   ///< As MILLRACE_FAILPOINTS says it.
  ReasonCode reason;       ///< Of the errors it injects: one that this place may really have.
  std::string_view where;  ///< What has just been done, or is about to be.
};
std::span<const FailpointInfo> all_failpoints() noexcept;
const FailpointInfo& failpoint_info(Failpoint point) noexcept;

/// What a failpoint is to do.
struct FailpointOrder {
  enum class Action : std::uint8_t {
    kKill,       ///< SIGKILL to the process.
    kErrorOnce,  ///< At that pass.
    kError,      ///< At that pass and every later one.
    kHold,       ///< The thread sleeps at that pass.
  };
  Failpoint point{};
  Action action{};
  std::uint64_t pass = 1;  ///< At which it acts, counted from 1.
  std::int64_t hold_ms = 0;
  std::string hold_until;  ///< Instead of hold_ms: until a file of this name is there.
};

#ifdef MILLRACE_FAILPOINTS

/// Before the first place is passed, and before other threads are.
void arm_failpoints(std::vector<FailpointOrder> orders);

/// Counts the pass and does what is ordered. Any thread.
/// @return the error to inject, or OK.
absl::Status pass_failpoint(Failpoint point);

#define MILLRACE_FAILPOINT(point, ...)                                                          \
  do {                                                                                          \
    if (const absl::Status injected = ::millrace::pass_failpoint(::millrace::Failpoint::point); \
        !injected.ok()) {                                                                       \
      __VA_ARGS__;                                                                              \
    }                                                                                           \
  } while (false)

#else

#define MILLRACE_FAILPOINT(point, ...) static_cast<void>(0)

#endif

}  // namespace millrace
