// SPDX-License-Identifier: Apache-2.0
// Numbers short enough to read at a glance.
#pragma once
#include <cstdint>
#include <string>

namespace millrace::cli {

std::string short_count(std::uint64_t count);     // 999, 1.2k, 34.5M
std::string short_bytes(std::uint64_t bytes);     // 12 B, 1.5 KiB, 20.1 GiB
std::string short_duration_ms(std::uint64_t ms);  // 12 ms, 3.4 s, 5:06, 1:02:03, 4d 05:06

}  // namespace millrace::cli
