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

bool writes_text(Op op) noexcept {
  switch (op) {
    case Op::kText:
    case Op::kServerText:
    case Op::kChar:
    case Op::kJsonb:
    case Op::kUuid:
    case Op::kInet:
    case Op::kMacaddr:
    case Op::kInt4Range:
    case Op::kInt8Range:
    case Op::kNumRange:
    case Op::kTsRange:
    case Op::kTstzRange:
    case Op::kDateRange:
    case Op::kTsvector:
    case Op::kLtree:
      return true;
    default:
      return false;
  }
}

}  // namespace millrace::postgres
