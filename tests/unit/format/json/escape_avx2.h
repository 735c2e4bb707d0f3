// SPDX-License-Identifier: Apache-2.0
// The escaper for AVX2, from a translation unit compiled for it.
#pragma once
#include <string_view>

namespace millrace::test {

/// escape_json<Isa::kAvx2>. Only to be called where best_isa() says so.
char* escape_json_avx2(std::string_view text, char* out) noexcept;

}  // namespace millrace::test
