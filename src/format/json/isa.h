// SPDX-License-Identifier: Apache-2.0
// Instruction sets the JSON writer is compiled for, and the one this machine gets.
//
// Chosen once at start, for the whole row loop: an indirect call per string would undo inlining. Code for
// kAvx2 lives in translation units compiled with MILLRACE_AVX2_OPTIONS (src/format/json/CMakeLists.txt) and
// without the precompiled header. Such a unit instantiates only templates that carry the Isa, so that the
// linker cannot pick its copy of a shared inline function for machines without AVX2.
#pragma once
#include <cstdint>
#include <string_view>

namespace millrace::format {

enum class Isa : std::uint8_t {
  kScalar,  ///< The reference, byte by byte: tests compare with it. Never chosen.
  kSse2,    ///< Every x86-64.
  kAvx2,    ///< With BMI1 and BMI2.
};

/// The best one this machine runs.
Isa best_isa() noexcept;
std::string_view to_string(Isa isa) noexcept;

}  // namespace millrace::format
