// SPDX-License-Identifier: Apache-2.0
// How a PostgreSQL value becomes an output value: the operations a type map chooses from.
#pragma once
#include <cstdint>

#include "millrace/change/relation.h"

namespace millrace::postgres {

/// The operation of a Conversion. Wire forms: every op reads the server's text; the binary form of the named
/// type too, unless binary_supported() says otherwise. Output as of debezium-contract 2.10 to 2.13 at default
/// options.
enum class Op : std::uint16_t {
  kNone = 0,         ///< No conversion was chosen. write_value() fails with kUnknownConversion.
  kBool,             ///< bool: boolean
  kInt16,            ///< int2: integer
  kInt32,            ///< int4: integer
  kInt64,            ///< int8: integer
  kOid,              ///< oid: integer, unsigned
  kFloat32,          ///< float4
  kFloat64,          ///< float8
  kDecimal,          ///< numeric(p,s), argument = s (may be negative): unscaled bytes. NaN, Infinity:
                     ///< kUnrepresentable.
  kVariableDecimal,  ///< numeric: struct scale, value. NaN, Infinity: kUnrepresentable.
  kMoney,            ///< money, argument = fraction digits of the output: unscaled bytes.
  kText,        ///< Types whose binary form is their text: text varchar bpchar name citext json xml, enums.
  kServerText,  ///< The server's text of any type, as a string. Text form only.
  kChar,        ///< "char": string
  kJsonb,       ///< jsonb: string
  kUuid,        ///< uuid: string
  kInet,        ///< inet and cidr: string
  kMacaddr,     ///< macaddr and macaddr8: string
  kBytes,       ///< bytea: bytes
  kBit1,        ///< bit(1), varbit(1): boolean
  kBits,        ///< bit(n), varbit: little-endian bytes up to the highest set bit
  kDate,        ///< date: days since 1970-01-01
  kTimeMillis,  ///< time(p), p <= 3: ms of day
  kTimeMicros,  ///< time: us of day
  kTimestampMillis,  ///< timestamp(p), p <= 3: ms since 1970-01-01
  kTimestampMicros,  ///< timestamp: us since 1970-01-01
  kZonedTime,        ///< timetz: UTC, ISO text
  kZonedTimestamp,   ///< timestamptz, argument = fraction digits p (undeclared: 6): UTC, ISO text
  kInterval,         ///< interval: us by 365.25 / 12 days a month. infinity (17+): kUnrepresentable.
  kInt4Range,        ///< Ranges: string as the server writes it; tstzrange in UTC.
  kInt8Range,
  kNumRange,
  kTsRange,
  kTstzRange,
  kDateRange,
  kTsvector,    ///< tsvector: string
  kLtree,       ///< ltree (extension): string
  kHstoreJson,  ///< hstore (extension): string holding a JSON object in Java HashMap order
  kPoint,       ///< point: struct x, y, wkb, srid
  kArray,  ///< Array with ',' between elements; `element` is set. More than one dimension: kUnrepresentable.
};

/// What the session must be set to, so that text forms are the ones these conversions read (and binary money
/// has two fraction digits). Startup options of the replication and the snapshot connection.
inline constexpr const char* kSessionOptions[][2] = {
    {"DateStyle", "ISO, MDY"},   {"IntervalStyle", "postgres"}, {"TimeZone", "UTC"},
    {"extra_float_digits", "1"}, {"bytea_output", "hex"},       {"lc_monetary", "C"},
    {"client_encoding", "UTF8"},
};

/// Whether write_value() reads the binary form for this conversion. A stream asks for binary tuples only when
/// it holds for every column.
bool binary_supported(const Conversion& conversion) noexcept;

/// Ops whose value is a string of characters: the wire's own, in text form.
bool writes_text(Op op) noexcept;

constexpr Op op_of(const Conversion& conversion) noexcept { return static_cast<Op>(conversion.op); }
inline Conversion make_conversion(Op op, std::int32_t argument = 0) {
  return {static_cast<std::uint16_t>(op), argument, 0, nullptr};
}

}  // namespace millrace::postgres
