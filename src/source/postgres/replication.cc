// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/replication.h"

#include <absl/strings/str_cat.h>

#include <bit>
#include <cstring>
#include <limits>

namespace millrace::postgres {
namespace {

std::byte* put_be64(std::byte* out, std::uint64_t value) noexcept {
  const std::uint64_t wire = __builtin_bswap64(value);
  std::memcpy(out, &wire, sizeof wire);
  return out + sizeof wire;
}

std::byte* put_be32(std::byte* out, std::uint32_t value) noexcept {
  const std::uint32_t wire = __builtin_bswap32(value);
  std::memcpy(out, &wire, sizeof wire);
  return out + sizeof wire;
}

}  // namespace

std::array<std::byte, kStandbyStatusBytes> encode_standby_status(const StandbyStatus& status) noexcept {
  std::array<std::byte, kStandbyStatusBytes> message;
  std::byte* out = message.data();
  *out++ = std::byte{'d'};
  out = put_be32(out, kStandbyStatusBytes - 1);  // the length leaves the type byte out
  *out++ = std::byte{'r'};
  out = put_be64(out, value_of(status.written));
  out = put_be64(out, value_of(status.flushed));
  out = put_be64(out, value_of(status.applied));
  out = put_be64(out, static_cast<std::uint64_t>(value_of(status.client_time)));
  *out = std::byte{status.reply_requested};
  return message;
}

absl::StatusOr<std::string> encode_query(std::string_view sql) {
  constexpr std::size_t kLengthAndNul = 5;
  if (sql.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) - kLengthAndNul) {
    return absl::InvalidArgumentError(
        absl::StrCat("a query of ", sql.size(), " bytes does not fit a message"));
  }
  if (const std::size_t nul = sql.find('\0'); nul != std::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("a query with a zero byte at ", nul));
  }
  std::string message(1 + kLengthAndNul + sql.size(), '\0');
  message[0] = 'Q';
  put_be32(reinterpret_cast<std::byte*>(message.data()) + 1, static_cast<std::uint32_t>(message.size() - 1));
  sql.copy(message.data() + 5, sql.size());
  return message;
}

}  // namespace millrace::postgres
