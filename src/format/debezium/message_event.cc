// SPDX-License-Identifier: Apache-2.0
#include "format/debezium/message_event.h"

#include <cstring>

#include "base/concat.h"
#include "base/murmur2.h"
#include "format/debezium/constant_schemas.h"
#include "format/json/base64.h"
#include "format/json/escape.h"
#include "format/json/number_text.h"

namespace millrace::debezium {
namespace {

constexpr std::size_t kFixedBytes = 512;  // names, numbers, braces and slack

std::string head(bool with_schema, const std::string& schema) {
  return with_schema ? concat("{\"schema\":", schema, ",\"payload\":") : std::string();
}

char* put(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* put_string(char* out, std::string_view text) {
  *out++ = '"';
  out = format::escape_json<format::Isa::kScalar>(text, out);
  if (out == nullptr) return nullptr;
  *out++ = '"';
  return out;
}

std::uint32_t between(const char* begin, const char* end) { return static_cast<std::uint32_t>(end - begin); }

}  // namespace

MessageEvent::MessageEvent(const EnvelopeOptions& options)
    : options_(options),
      key_head_(head(options.key_schemas, message_key_schema())),
      value_head_(head(options.value_schemas, message_value_schema()) + "{\"op\":\"m\","),
      table_text_(TransactionText::table_text("", "")) {}

std::size_t MessageEvent::bound(std::string_view prefix, std::size_t content_bytes,
                                const TransactionText& text) const {
  return key_head_.size() + value_head_.size() + 12 * prefix.size() + format::base64_bytes(content_bytes) +
         text.head().size() + text.tail().size() + kFixedBytes;
}

char* MessageEvent::write(std::string_view prefix, std::span<const std::byte> content, bool transactional,
                          std::uint64_t position, const TransactionText& text, char* out, Record& record) {
  char* const key = out;
  out = put(out, key_head_);
  out = put(out, "{\"prefix\":");
  out = put_string(out, prefix);
  if (out == nullptr) return nullptr;
  out = put(out, options_.key_schemas ? "}}" : "}");

  char* const value = out;
  const auto lsn = static_cast<std::int64_t>(position);
  text.render_middle(middle_, table_text_, transactional);
  out = put(out, value_head_);
  char* const clock = out;
  out = put(out, "\"ts_ms\":");
  out = format::put_integer(out, text.clock_ms());
  char* clock_end = out;
  out = put(out, text.head().from(1));  // its brace closes an image
  out = format::put_integer(out, lsn);
  char* const middle = out;
  out = put(out, middle_.view());
  // Without a transaction the source's time is whatever was current, so it differs when the message is read
  // again.
  if (!transactional) clock_end = middle + middle_.view().find(",\"schema\":");
  out = format::put_integer(out, lsn);
  out = put(out, text.tail().first(text.source_end()));
  out = put(out, ",\"message\":{\"prefix\":");
  out = put_string(out, prefix);
  out = put(out, ",\"content\":\"");
  out = format::put_base64(content.data(), content.size(), out);
  out = put(out, options_.value_schemas ? "\"}}}" : "\"}}");

  record = Record{};
  record.topic = options_.message_topic;
  record.key = reinterpret_cast<const std::byte*>(key);
  record.key_size = between(key, value);
  record.value = reinterpret_cast<const std::byte*>(value);
  record.value_size = between(value, out);
  record.partition_hash = partition_hash({record.key, record.key_size});
  record.volatile_at = between(value, clock);
  record.volatile_size = between(clock, clock_end);
  record.context_headers = false;
  return out;
}

}  // namespace millrace::debezium
