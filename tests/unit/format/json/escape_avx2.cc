// SPDX-License-Identifier: Apache-2.0
#include "unit/format/json/escape_avx2.h"

#include "format/json/escape.h"

namespace millrace::test {

char* escape_json_avx2(std::string_view text, char* out) noexcept {
  return format::escape_json<format::Isa::kAvx2>(text, out);
}

}  // namespace millrace::test
