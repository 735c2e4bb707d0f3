// SPDX-License-Identifier: Apache-2.0
// PostgreSQL's numbers as types, so that a place in the log, an object id and a time cannot be mixed up.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace::postgres {

/// A place in the write-ahead log, in bytes. Zero is PostgreSQL's "no position". Compares as a number.
enum class Lsn : std::uint64_t {};
/// pg_class.oid of a table.
enum class RelationOid : std::uint32_t {};
/// pg_type.oid.
enum class TypeOid : std::uint32_t {};
/// A transaction id as the stream carries it: 32 bits, and it wraps.
enum class Xid : std::uint32_t {};

constexpr std::uint64_t value_of(Lsn lsn) noexcept { return static_cast<std::uint64_t>(lsn); }
constexpr std::uint32_t value_of(RelationOid oid) noexcept { return static_cast<std::uint32_t>(oid); }
constexpr std::uint32_t value_of(TypeOid oid) noexcept { return static_cast<std::uint32_t>(oid); }
constexpr std::uint32_t value_of(Xid xid) noexcept { return static_cast<std::uint32_t>(xid); }

/// "FFFFFFFF/FFFFFFFF".
inline constexpr std::size_t kLsnTextMax = 17;

/// Writes the text form %X/%X (high half, low half, upper case, no padding) into `out`; returns the part
/// written.
std::string_view format_lsn(Lsn lsn, std::span<char, kLsnTextMax> out) noexcept;

/// The text form as a string, for messages and commands.
std::string to_string(Lsn lsn);

/// Reads the text form: one to eight hexadecimal digits of either case on each side of a slash, and nothing
/// else, as pg_lsn's input function does. PostgreSQL 19 pads the low half with zeros: accepted.
std::optional<Lsn> parse_lsn(std::string_view text) noexcept;

/// A time as the protocol carries it: microseconds since 2000-01-01 00:00 UTC.
enum class PgMicros : std::int64_t {};
constexpr std::int64_t value_of(PgMicros time) noexcept { return static_cast<std::int64_t>(time); }

// PostgreSQL counts microseconds from 2000-01-01 UTC, everyone else from 1970-01-01 UTC.
// Source: PostgreSQL docs, Logical Replication Message Formats, Begin.
inline constexpr std::int64_t kPgEpochUnixUs =
    10'957LL * 86'400 * 1'000'000;  // 10,957 days between the epochs

/// Microseconds since 1970-01-01 UTC. Saturates: a hostile server's time must not overflow.
constexpr std::int64_t to_unix_us(PgMicros time) noexcept {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  return value_of(time) > kMax - kPgEpochUnixUs ? kMax : value_of(time) + kPgEpochUnixUs;
}

/// The protocol's form of a Unix time in microseconds. Saturates.
constexpr PgMicros from_unix_us(std::int64_t unix_us) noexcept {
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  return PgMicros{unix_us < kMin + kPgEpochUnixUs ? kMin : unix_us - kPgEpochUnixUs};
}

}  // namespace millrace::postgres
