// SPDX-License-Identifier: Apache-2.0
// interval to microseconds, a month counting 365.25 / 12 days, computed in double as Debezium does.
// Source: debezium-contract 2.11 (interval.handling.mode=numeric); MicroDuration and pgjdbc's PGInterval.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "millrace/base/cursor.h"

namespace millrace::postgres {

/// Text in IntervalStyle postgres: "1 year 2 mons -3 days +04:05:06.78".
DecodeError read_interval_text(std::string_view text, std::int64_t& us) noexcept;
DecodeError read_interval(std::span<const std::byte> wire, std::int64_t& us) noexcept;

}  // namespace millrace::postgres
