// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/tuple.h"

#include "source/postgres/fields.h"

namespace millrace::postgres::internal {

void walk_fields_slowly(Cursor& in, std::span<FieldView> out) noexcept {
  for (FieldView& field : out) {
    const std::size_t kind_at = in.byte_offset();
    const std::uint8_t kind = in.u8();
    if (!in.ok()) return;
    field = {nullptr, 0, FieldKind::kNull};
    switch (kind) {
      case 'n':
        continue;
      case 'u':
        field.kind = FieldKind::kUnchanged;
        continue;
      case 't':
        field.kind = FieldKind::kText;
        break;
      case 'b':
        field.kind = FieldKind::kBinary;
        break;
      default:
        in.fail(Reason::kBadColumnKind, kind_at);
        return;
    }
    const std::span<const std::byte> value = in.bytes(read_length(in));
    field.data = value.data();
    field.size = static_cast<std::uint32_t>(value.size());
  }
}

}  // namespace millrace::postgres::internal
