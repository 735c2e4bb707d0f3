// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/convert/hstore.h"

#include "source/postgres/convert/wire.h"

namespace millrace::postgres {

namespace {

/// String.hashCode() over UTF-16 units, spread as HashMap does. Bytes that are not UTF-8 hash to anything:
/// writing them fails later.
std::uint32_t java_hash(std::string_view raw, HstoreForm form) noexcept {
  std::uint32_t hash = 0;
  const auto unit = [&](std::uint32_t u) { hash = hash * 31 + u; };
  EscapedChars chars(raw, form);
  char c;
  bool escaped;
  while (chars.next(c, escaped)) {
    const auto first = static_cast<unsigned char>(c);
    std::uint32_t point = first;
    int more = 0;
    if (first >= 0xF0) {
      point = first & 0x07U;
      more = 3;
    } else if (first >= 0xE0) {
      point = first & 0x0FU;
      more = 2;
    } else if (first >= 0xC0) {
      point = first & 0x1FU;
      more = 1;
    }
    for (; more > 0 && chars.next(c, escaped); --more)
      point = point << 6 | (static_cast<unsigned char>(c) & 0x3FU);
    if (point < 0x10000) {
      unit(point);
    } else {
      unit(0xD800 + ((point - 0x10000) >> 10));
      unit(0xDC00 + ((point - 0x10000) & 0x3FF));
    }
  }
  return hash ^ hash >> 16;
}

DecodeError read_binary(std::string_view raw, HstorePairs& out) noexcept {
  Cursor in(std::as_bytes(std::span(raw.data(), raw.size())));
  const auto text = [](std::span<const std::byte> bytes) {
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  const std::uint32_t count = in.be32();
  for (std::uint32_t i = 0; in.ok() && i < count; ++i) {  // ends with the bytes, whatever the count claims
    HstorePair pair;
    pair.key = text(in.bytes(in.be32()));
    const std::uint32_t length = in.be32();
    pair.null = length == 0xFFFF'FFFF;
    if (!pair.null) pair.value = text(in.bytes(length));
    if (in.ok()) out.push_back(pair);
  }
  const DecodeError error = in.finish();
  return error ? DecodeError{Reason::kBadValue, error.byte_offset} : error;
}

/// "key"=>"value", "key"=>NULL, as hstore_out writes it.
DecodeError read_text(std::string_view raw, HstoreForm form, HstorePairs& out) noexcept {
  EscapedChars chars(raw, form);
  char c = 0;
  bool escaped = false;
  const auto offset = [&] { return static_cast<std::uint32_t>(chars.position() - raw.data()); };
  const auto expect = [&](char wanted) { return chars.next(c, escaped) && !escaped && c == wanted; };
  // Behind the opening quote: up to the closing one.
  const auto quoted = [&](std::string_view& text) {
    const char* const begin = chars.position();
    const char* end = begin;
    while (chars.next(c, escaped)) {
      if (c == '"' && !escaped) {
        text = {begin, static_cast<std::size_t>(end - begin)};
        return true;
      }
      end = chars.position();
    }
    return false;
  };
  if (raw.empty()) return {};
  while (true) {
    HstorePair pair;
    if (!expect('"') || !quoted(pair.key) || !expect('=') || !expect('>') || !chars.next(c, escaped)) {
      return {Reason::kBadValue, offset()};
    }
    if (c == '"') {
      if (!quoted(pair.value)) return {Reason::kBadValue, offset()};
    } else {
      pair.null = true;
      if (c != 'N' || !expect('U') || !expect('L') || !expect('L')) return {Reason::kBadValue, offset()};
    }
    out.push_back(pair);
    if (!chars.next(c, escaped)) return {};
    if (c != ',' || !expect(' ')) return {Reason::kBadValue, offset()};
  }
}

}  // namespace

DecodeError read_hstore(std::string_view raw, HstoreForm form, HstorePairs& out) noexcept {
  const DecodeError error = form == HstoreForm::kBinary ? read_binary(raw, out) : read_text(raw, form, out);
  if (error) return error;
  for (HstorePair& pair : out) pair.hash = java_hash(pair.key, form);
  return {};
}

void order_as_java_map(HstorePairs& pairs) noexcept {
  std::size_t buckets = 16;
  while (pairs.size() * 4 > buckets * 3) buckets *= 2;  // load factor 0.75
  const auto bucket = [mask = static_cast<std::uint32_t>(buckets - 1)](const HstorePair& pair) {
    return pair.hash & mask;
  };
  // Pairs come in the order of insertion; the key views' addresses keep it inside a bucket.
  std::sort(pairs.begin(), pairs.end(), [&](const HstorePair& a, const HstorePair& b) {
    return bucket(a) != bucket(b) ? bucket(a) < bucket(b) : a.key.data() < b.key.data();
  });
}

}  // namespace millrace::postgres
