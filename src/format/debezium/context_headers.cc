// SPDX-License-Identifier: Apache-2.0
#include "format/debezium/context_headers.h"

namespace millrace::debezium {

std::array<std::pair<std::string_view, std::string_view>, 4> ContextHeaders::pairs() const {
  return {{{"__debezium.context.connectorLogicalName", connector_logical_name},
           {"__debezium.context.taskId", task_id},
           {"__debezium.context.connectorName", connector_name},
           {"__debezium.context.runId", run_id}}};
}

ContextHeaders make_context_headers(std::string_view topic_prefix, std::string_view connector,
                                    std::string run_id) {
  return {std::string(topic_prefix), "0", std::string(connector), std::move(run_id)};
}

std::string uuid_v7(std::int64_t unix_ms, std::span<const std::byte, 10> random) {
  std::array<std::uint8_t, 16> bytes;
  for (std::size_t i = 0; i < 6; ++i) {
    bytes[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(unix_ms) >> (40 - 8 * i));
  }
  for (std::size_t i = 0; i < random.size(); ++i) bytes[6 + i] = std::to_integer<std::uint8_t>(random[i]);
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0F) | 0x70);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3F) | 0x80);
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += kHex[bytes[i] >> 4];
    out += kHex[bytes[i] & 15];
  }
  return out;
}

}  // namespace millrace::debezium
