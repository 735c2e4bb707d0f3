// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/stream/copy_row.h"

#include <cstring>

namespace millrace::postgres {

namespace {

std::byte* put_be32(std::byte* at, std::uint32_t value) noexcept {
  value = __builtin_bswap32(value);
  std::memcpy(at, &value, sizeof value);
  return at + sizeof value;
}

/// The character an escape stands for; 0 for one that COPY does not write.
char unescape(char c) noexcept {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    case '\\':
      return '\\';
    default:
      return 0;
  }
}

/// End of the run of plain characters that begins at `at`.
const char* plain_end(const char* at, const char* end) noexcept {
  while (at != end && *at != '\t' && *at != '\\' && *at != '\n') ++at;
  return at;
}

}  // namespace

DecodeError rewrite_copy_row(std::span<const std::byte> line, std::uint32_t oid, std::size_t columns,
                             std::span<std::byte> out, std::size_t& written) noexcept {
  const char* const begin = reinterpret_cast<const char*>(line.data());
  const auto offset = [&](const char* at) { return static_cast<std::uint32_t>(at - begin); };
  if (line.empty() || line.back() != std::byte{'\n'})
    return {Reason::kTruncated, static_cast<std::uint32_t>(line.size())};
  const char* const end = begin + line.size() - 1;  // at the line feed
  std::byte* to = out.data();
  *to++ = std::byte{'I'};
  to = put_be32(to, oid);
  *to++ = std::byte{'N'};
  *to++ = static_cast<std::byte>(columns >> 8);
  *to++ = static_cast<std::byte>(columns & 0xFF);
  const char* at = begin;
  for (std::size_t column = 0; column < columns; ++column) {
    if (column != 0) {
      if (at == end || *at != '\t') return {Reason::kColumnCountMismatch, offset(at)};
      ++at;
    }
    if (end - at >= 2 && at[0] == '\\' && at[1] == 'N' && (end - at == 2 || at[2] == '\t')) {
      *to++ = std::byte{'n'};
      at += 2;
      continue;
    }
    *to++ = std::byte{'t'};
    std::byte* const length_at = to;
    to += 4;
    for (;;) {
      const char* const run = plain_end(at, end);
      std::memcpy(to, at, static_cast<std::size_t>(run - at));
      to += run - at;
      at = run;
      if (at == end || *at == '\t') break;
      if (*at == '\n') return {Reason::kBadValue, offset(at)};
      const char meant = end - at >= 2 ? unescape(at[1]) : '\0';
      if (meant == '\0') return {Reason::kBadValue, offset(at)};
      *to++ = static_cast<std::byte>(meant);
      at += 2;
    }
    put_be32(length_at, static_cast<std::uint32_t>(to - length_at - 4));
  }
  // A table without columns: its rows are empty lines.
  if (at != end) return {Reason::kColumnCountMismatch, offset(at)};
  written = static_cast<std::size_t>(to - out.data());
  return {};
}

}  // namespace millrace::postgres
