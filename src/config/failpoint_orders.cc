// SPDX-License-Identifier: Apache-2.0
#include "config/failpoint_orders.h"

#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/concat.h"
#include "base/reason_code.h"
#include "config/suggest.h"

namespace millrace::config {
namespace {

using Action = FailpointOrder::Action;

constexpr std::array<std::string_view, 4> kActions{"kill", "error-once", "error", "hold"};
constexpr std::int64_t kHoldMsMax = 3'600'000;

absl::Status refuse(std::string_view message) {
  return reason_error(ReasonCode::kConfigInvalid, concat("MILLRACE_FAILPOINTS: ", message));
}

absl::Status unknown(std::string_view kind, std::string_view word, std::span<const std::string_view> known) {
  const std::string_view meant = nearest(word, known);
  return refuse(meant.empty() ? concat("unknown ", kind, " \"", word, "\"")
                              : concat("unknown ", kind, " \"", word, "\"; did you mean ", meant, "?"));
}

/// A whole number from `min` on.
bool read_number(std::string_view word, std::int64_t min, std::int64_t& out) {
  const bool digits =
      !word.empty() && std::ranges::all_of(word, [](unsigned char c) { return absl::ascii_isdigit(c); });
  return digits && absl::SimpleAtoi(absl::string_view(word.data(), word.size()), &out) && out >= min;
}

absl::Status read_failpoint(std::string_view name, FailpointOrder& order) {
  std::vector<std::string_view> names;
  for (const FailpointInfo& info : all_failpoints()) {
    if (info.name == name) {
      order.point = info.point;
      return absl::OkStatus();
    }
    names.push_back(info.name);
  }
  return unknown("failpoint", name, names);
}

absl::Status read_action(std::string_view text, FailpointOrder& order) {
  const std::size_t colon = text.find(':');
  const std::string_view word = text.substr(0, colon);
  const auto* const found = std::ranges::find(kActions, word);
  if (found == kActions.end()) return unknown("action", word, kActions);
  constexpr std::array kMeant{Action::kKill, Action::kErrorOnce, Action::kError, Action::kHold};
  order.action = kMeant[static_cast<std::size_t>(found - kActions.begin())];
  const bool has_time = colon != std::string_view::npos;
  if (order.action != Action::kHold) {
    return has_time ? refuse(concat("\"", text, "\": only hold takes a time")) : absl::OkStatus();
  }
  const std::string_view time = has_time ? text.substr(colon + 1) : std::string_view();
  if (time.starts_with('/')) {
    order.hold_until = std::string(time);
    return absl::OkStatus();
  }
  if (!read_number(time, 0, order.hold_ms) || order.hold_ms > kHoldMsMax) {
    return refuse(concat("\"", text, "\": hold takes milliseconds, at most ", kHoldMsMax,
                         ", or the path of a file that ends it, as in hold:2000 or hold:/tmp/go"));
  }
  return absl::OkStatus();
}

absl::StatusOr<FailpointOrder> parse_order(std::string_view text) {
  FailpointOrder order;
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return refuse(concat("\"", text, "\": an order is failpoint=action, as in mark.passed=kill@3"));
  }
  if (absl::Status status = read_failpoint(text.substr(0, equals), order); !status.ok()) return status;
  std::string_view action = text.substr(equals + 1);
  if (const std::size_t at = action.rfind('@'); at != std::string_view::npos) {
    std::int64_t pass = 0;
    if (!read_number(action.substr(at + 1), 1, pass)) {
      return refuse(concat("\"", text, "\": behind @ stands the number of the pass, from 1"));
    }
    order.pass = static_cast<std::uint64_t>(pass);
    action = action.substr(0, at);
  }
  if (absl::Status status = read_action(action, order); !status.ok()) return status;
  return order;
}

}  // namespace

absl::StatusOr<std::vector<FailpointOrder>> parse_failpoints(std::string_view text) {
  std::vector<FailpointOrder> orders;
  if (text.empty()) return orders;
  for (const absl::string_view part : absl::StrSplit(absl::string_view(text.data(), text.size()), ',')) {
    const absl::string_view word = absl::StripAsciiWhitespace(part);
    absl::StatusOr<FailpointOrder> order = parse_order({word.data(), word.size()});
    if (!order.ok()) return order.status();
    orders.push_back(*std::move(order));
  }
  return orders;
}

}  // namespace millrace::config
