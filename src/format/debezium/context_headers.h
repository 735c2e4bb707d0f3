// SPDX-License-Identifier: Apache-2.0
// Headers that all row events of a pipeline carry, and the names of those that only some do.
// Source: debezium-contract 1.9, 12.2.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace millrace::debezium {

inline constexpr std::string_view kNewKeyHeader = "__debezium.newkey";
inline constexpr std::string_view kOldKeyHeader = "__debezium.oldkey";

/// In the order in which they are sent, behind a key-change header. Values are UTF-8 without quotes.
struct ContextHeaders {
  std::string connector_logical_name;
  std::string task_id;
  std::string connector_name;
  std::string run_id;

  std::array<std::pair<std::string_view, std::string_view>, 4> pairs() const;
};

/// @param run_id  a new one for every start, see uuid_v7().
ContextHeaders make_context_headers(std::string_view topic_prefix, std::string_view connector,
                                    std::string run_id);

/// A time-ordered UUID. Source: RFC 9562, UUID version 7.
/// @param random  ten random bytes, of which 74 bits are used.
std::string uuid_v7(std::int64_t unix_ms, std::span<const std::byte, 10> random);

}  // namespace millrace::debezium
