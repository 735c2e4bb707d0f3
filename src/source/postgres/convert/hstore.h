// SPDX-License-Identifier: Apache-2.0
// hstore to a string that holds a compact JSON object, keys in the order in which a Java HashMap hands them
// out. Source: debezium-contract 2.13 and 10.3; hstore's hstore_out and hstore_send.
#pragma once
#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "millrace/base/cursor.h"
#include "source/postgres/convert/string_feed.h"

namespace millrace::postgres {

/// How many levels of backslashes stand between the bytes and the characters.
enum class HstoreForm : std::uint8_t { kBinary = 0, kText = 1, kTextInArray = 2 };

/// Reads characters through those levels.
class EscapedChars {
 public:
  EscapedChars(std::string_view raw, HstoreForm form) noexcept
      : at_(raw.data()), end_(raw.data() + raw.size()), form_(form) {}

  const char* position() const noexcept { return at_; }
  /// False at the end. `escaped`: a backslash of the inner level stood before the character.
  bool next(char& c, bool& escaped) noexcept {
    escaped = false;
    if (!outer(c)) return false;
    if (form_ != HstoreForm::kBinary && c == '\\') {
      escaped = true;
      return outer(c);
    }
    return true;
  }

 private:
  bool outer(char& c) noexcept {
    if (form_ == HstoreForm::kTextInArray && at_ != end_ && *at_ == '\\') ++at_;
    if (at_ == end_) return false;
    c = *at_++;
    return true;
  }

  const char* at_;
  const char* end_;
  HstoreForm form_;
};

struct HstorePair {
  std::string_view key;  ///< Still escaped.
  std::string_view value;
  bool null = false;
  std::uint32_t hash = 0;  ///< Java's, of the key.
};
using HstorePairs = absl::InlinedVector<HstorePair, 64>;

/// Finds the pairs in the bytes' order and computes the keys' hashes.
DecodeError read_hstore(std::string_view raw, HstoreForm form, HstorePairs& out) noexcept;
/// Puts them into the order of iteration.
void order_as_java_map(HstorePairs& pairs) noexcept;

/// Puts a JSON string: what the object in the string holds, before the string's own escaping.
template <class Writer>
void put_json_string(std::string_view raw, HstoreForm form, StringFeed<Writer>& out) noexcept {
  constexpr char hex[] = "0123456789ABCDEF";
  EscapedChars chars(raw, form);
  char c;
  bool escaped;
  out.put('"');
  while (chars.next(c, escaped)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.put('\\');
      out.put(c);
    } else if (byte >= 8 && byte <= 13 && byte != 11) {
      out.put('\\');
      out.put("btn?fr"[byte - 8]);  // \b is 8; 11 has no letter
    } else if (byte < 0x20) {
      out.put("\\u00");
      out.put(hex[byte >> 4]);
      out.put(hex[byte & 15]);
    } else {
      out.put(c);
    }
  }
  out.put('"');
}

template <class Writer>
DecodeError write_hstore(std::string_view raw, HstoreForm form, Writer& writer) noexcept {
  HstorePairs pairs;
  if (const DecodeError error = read_hstore(raw, form, pairs)) return error;
  order_as_java_map(pairs);
  writer.begin_string();
  StringFeed<Writer> feed(writer);
  feed.put('{');
  for (const HstorePair& pair : pairs) {
    if (&pair != pairs.data()) feed.put(',');
    put_json_string(pair.key, form, feed);
    feed.put(':');
    if (pair.null) {
      feed.put("null");
    } else {
      put_json_string(pair.value, form, feed);
    }
  }
  feed.put('}');
  if (!feed.finish()) return {Reason::kBadUtf8, 0};
  writer.end_string();
  return {};
}

}  // namespace millrace::postgres
