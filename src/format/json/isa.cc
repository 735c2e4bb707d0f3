// SPDX-License-Identifier: Apache-2.0
#include "format/json/isa.h"

namespace millrace::format {

Isa best_isa() noexcept {
  const bool avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  return avx2 ? Isa::kAvx2 : Isa::kSse2;
}

std::string_view to_string(Isa isa) noexcept {
  switch (isa) {
    case Isa::kScalar:
      return "scalar";
    case Isa::kSse2:
      return "sse2";
    case Isa::kAvx2:
      return "avx2";
  }
  return "unknown";
}

}  // namespace millrace::format
