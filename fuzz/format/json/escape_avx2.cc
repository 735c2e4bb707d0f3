// SPDX-License-Identifier: Apache-2.0
#include "format/json/escape.h"

namespace millrace::fuzz {

char* escape_with_avx2(std::string_view text, char* out) noexcept {
  return format::escape_json<format::Isa::kAvx2>(text, out);
}

}  // namespace millrace::fuzz
