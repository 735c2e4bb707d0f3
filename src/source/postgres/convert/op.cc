// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/convert/op.h"

namespace millrace::postgres {

bool binary_supported(const Conversion& conversion) noexcept {
  switch (op_of(conversion)) {
    case Op::kNone:
    case Op::kServerText:
      return false;
    case Op::kArray:
      return conversion.element != nullptr && binary_supported(*conversion.element);
    default:
      return conversion.op <= static_cast<std::uint16_t>(Op::kArray);
  }
}

}  // namespace millrace::postgres
