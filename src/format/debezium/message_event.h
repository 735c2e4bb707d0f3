// SPDX-License-Identifier: Apache-2.0
// Logical decoding messages as events ("m"). Rare, so written plainly. Source: debezium-contract 2.6.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "change/record.h"
#include "format/debezium/envelope_options.h"
#include "format/debezium/transaction_text.h"

namespace millrace::debezium {

/// Makes the record of one message at a time.
class MessageEvent {
 public:
  explicit MessageEvent(const EnvelopeOptions& options);

  /// Room for a message's record.
  std::size_t bound(std::string_view prefix, std::size_t content_bytes, const TransactionText& text) const;

  /// Writes key and value to `out`, which has room for the bound.
  /// @param transactional  false: the event names no transaction, and its source time is no transaction's.
  /// @return behind the last byte, or nullptr when the prefix is not UTF-8.
  char* write(std::string_view prefix, std::span<const std::byte> content, bool transactional,
              std::uint64_t position, const TransactionText& text, char* out, Record& record);

 private:
  const EnvelopeOptions& options_;
  std::string key_head_;
  std::string value_head_;
  std::string table_text_;
  Fragment middle_;
};

}  // namespace millrace::debezium
