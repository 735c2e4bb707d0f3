// SPDX-License-Identifier: Apache-2.0
#include "base/failpoint.h"

#include <array>

#ifdef MILLRACE_FAILPOINTS
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "base/concat.h"
#include "base/log.h"
#endif

namespace millrace {

namespace {

using enum ReasonCode;

// In the order in which a change meets them.
constexpr std::array kFailpoints{
    FailpointInfo{Failpoint::kSourceReceived, "source.received", kConnectRefused,
                  "bytes came from the server, nothing of them is looked at"},
    FailpointInfo{Failpoint::kSourceDecoded, "source.decoded", kSourceProtocol,
                  "a message of the stream is decoded and taken"},
    FailpointInfo{Failpoint::kSourceHeld, "source.held", kMemoryLimit,
                  "a change of a transaction in progress is put aside"},
    FailpointInfo{Failpoint::kSourceSpilled, "source.spilled", kMemoryLimit,
                  "a block of such changes stands in a scratch file"},
    FailpointInfo{Failpoint::kSourceReplayed, "source.replayed", kMemoryLimit,
                  "a transaction that was put aside has committed and is about to go out"},
    FailpointInfo{Failpoint::kBatchPushed, "batch.pushed", kConnectRefused,
                  "what was read is on its way to the workers"},
    FailpointInfo{Failpoint::kPieceEncoded, "piece.encoded", kValueUndecodable, "a piece is encoded"},
    FailpointInfo{Failpoint::kPieceTaken, "piece.taken", kDeliveryFailed,
                  "the order stage has taken the next piece"},
    FailpointInfo{Failpoint::kPieceSubmitted, "piece.submitted", kDeliveryFailed, "the piece is the sink's"},
    FailpointInfo{Failpoint::kTopicDescribed, "topic.described", kKafkaUnreachable,
                  "the answer about topics is there"},
    FailpointInfo{Failpoint::kTopicCreated, "topic.created", kKafkaUnreachable,
                  "the answer about topics to be made is there"},
    FailpointInfo{Failpoint::kRecordProduced, "record.produced", kDeliveryFailed,
                  "a record is about to be the producer's"},
    FailpointInfo{Failpoint::kDeliveryReported, "delivery.reported", kDeliveryFailed,
                  "reports of deliveries are read"},
    FailpointInfo{Failpoint::kMarkPassed, "mark.passed", kDeliveryFailed, "the watermark has passed a piece"},
    FailpointInfo{Failpoint::kCheckpointBegun, "checkpoint.begun", kCheckpointWriteFailed,
                  "a checkpoint is about to be handed to its store"},
    FailpointInfo{Failpoint::kCheckpointProduced, "checkpoint.produced", kKafkaUnreachable,
                  "the records of a transaction in the checkpoint topic are produced, and not committed"},
    FailpointInfo{Failpoint::kCheckpointCommitted, "checkpoint.committed", kKafkaUnreachable,
                  "that transaction is committed"},
    FailpointInfo{Failpoint::kCheckpointConfirmed, "checkpoint.confirmed", kCheckpointWriteFailed,
                  "the pipeline hears that a checkpoint is durable"},
    FailpointInfo{Failpoint::kToldDue, "told.due", kConnectRefused,
                  "the server is about to be told how far it may forget"},
    FailpointInfo{Failpoint::kToldSent, "told.sent", kConnectRefused, "it has been told"},
};

constexpr bool in_the_enums_order() {
  for (std::size_t i = 0; i < kFailpoints.size(); ++i) {
    if (static_cast<std::size_t>(kFailpoints[i].point) != i) return false;
  }
  return kFailpoints.size() == static_cast<std::size_t>(Failpoint::kToldSent) + 1;
}
static_assert(in_the_enums_order());

}  // namespace

std::span<const FailpointInfo> all_failpoints() noexcept { return kFailpoints; }

const FailpointInfo& failpoint_info(Failpoint point) noexcept {
  return kFailpoints[static_cast<std::size_t>(point)];
}

#ifdef MILLRACE_FAILPOINTS

namespace {

constexpr std::chrono::milliseconds kLookForFile{10};

using Action = FailpointOrder::Action;

std::vector<FailpointOrder>& orders() {
  static std::vector<FailpointOrder> all;
  return all;
}

std::array<std::atomic<std::uint64_t>, kFailpoints.size()> passes{};

void say(const FailpointOrder& order, std::string_view action, std::uint64_t pass) {
  log_warn("failpoint", "failpoint acts",
           {{"failpoint", failpoint_info(order.point).name}, {"action", action}, {"pass", pass}});
}

void hold(const FailpointOrder& order) {
  if (order.hold_until.empty()) return std::this_thread::sleep_for(std::chrono::milliseconds(order.hold_ms));
  while (::access(order.hold_until.c_str(), F_OK) != 0) std::this_thread::sleep_for(kLookForFile);
}

}  // namespace

void arm_failpoints(std::vector<FailpointOrder> ordered) { orders() = std::move(ordered); }

absl::Status pass_failpoint(Failpoint point) {
  const std::uint64_t pass =
      passes[static_cast<std::size_t>(point)].fetch_add(1, std::memory_order_relaxed) + 1;
  for (const FailpointOrder& order : orders()) {
    if (order.point != point || pass < order.pass) continue;
    if (order.action == Action::kError || (order.action == Action::kErrorOnce && pass == order.pass)) {
      if (pass == order.pass) say(order, order.action == Action::kError ? "error" : "error-once", pass);
      const FailpointInfo& info = failpoint_info(point);
      return reason_error(info.reason, concat("failpoint ", info.name, ", pass ", pass));
    }
    if (pass != order.pass) continue;
    if (order.action == Action::kKill) {
      say(order, "kill", pass);
      ::kill(::getpid(), SIGKILL);
    }
    if (order.action == Action::kHold) {
      say(order, "hold", pass);
      hold(order);
      log_warn("failpoint", "failpoint lets go", {{"failpoint", failpoint_info(point).name}});
    }
  }
  return absl::OkStatus();
}

#endif

}  // namespace millrace
