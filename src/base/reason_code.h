// SPDX-License-Identifier: Apache-2.0
// Every way the program stops: a stable name, an exit code and what to do about it.
// A decoder's Reason (millrace/base/cursor.h) says what is wrong with bytes; a ReasonCode says why a pipeline
// ended.
#pragma once
#include <absl/status/status.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace {

enum class ReasonCode : std::uint8_t {
  kOk,
  kSignal,
  kUsage,
  kConfigInvalid,
  kNotReady,
  kConnectRefused,
  kAuthFailed,
  kTlsFailed,
  kPermissionDenied,
  kDatabaseMissing,
  kServerVersion,
  kWalLevel,
  kSlotMissing,
  kSlotInUse,
  kSlotInvalidated,
  kSlotWrongPlugin,
  kSlotWrongDatabase,
  kSlotsExhausted,
  kPublicationMissing,
  kPublicationSkipped,
  kSourceGap,
  kSourceHistoryChanged,
  kSourceProtocol,
  kSourceCorrupt,
  kRowTooLarge,
  kValueUndecodable,
  kMemoryLimit,
  kSnapshotFailed,
  kSinkWriteFailed,
  kSinkTailMismatch,
  kCheckpointCorrupt,
  kCheckpointMismatch,
  kCheckpointLocked,
  kCheckpointWriteFailed,
  kCheckpointTopic,
  kAlreadyActive,
  kFenced,
  kKafkaUnreachable,
  kKafkaAuthFailed,
  kKafkaTlsFailed,
  kKafkaPermissionDenied,
  kKafkaVersion,
  kTopicMissing,
  kTopicRefused,
  kTopicLostData,
  kRecordTooLarge,
  kRecordRefused,
  kDeliveryFailed,
  kRetriesExhausted,
  kShutdownTimeout,
  kInternal,
};

/// The row of a reason in the table that also makes docs/exit-codes.md.
struct ReasonInfo {
  ReasonCode code;
  std::string_view name;  ///< Stable: scripts and alerts read it. UPPER_SNAKE_CASE.
  int exit_code;          ///< See exit_code_groups().
  bool restart;           ///< A service manager's restart can help, with nobody doing anything.
  std::string_view meaning;
  std::string_view remedy;
};

struct ExitCodeGroup {
  int exit_code;
  std::string_view meaning;
};

const ReasonInfo& reason_info(ReasonCode code) noexcept;
std::span<const ReasonInfo> all_reasons() noexcept;
std::span<const ExitCodeGroup> exit_code_groups() noexcept;

/// @return nothing when no reason has this name.
std::optional<ReasonCode> parse_reason(std::string_view name) noexcept;

/// The status with the reason attached as a payload; replaces one that is there. An OK status stays as it is.
absl::Status with_reason(absl::Status status, ReasonCode code);

/// A status made of a reason and a message. The absl code follows the exit code's group.
absl::Status reason_error(ReasonCode code, std::string_view message);

/// The attached reason; kOk for an OK status, kInternal for an error that carries none.
ReasonCode reason_of(const absl::Status& status) noexcept;

/// The line an operator reads when the program stops: `NAME: message`, and the remedy.
std::string describe_stop(const absl::Status& status);

/// docs/exit-codes.md.
std::string exit_codes_markdown();

}  // namespace millrace
