// SPDX-License-Identifier: Apache-2.0
#include "millrace/base/cursor.h"

namespace millrace {

std::string_view to_string(Reason reason) noexcept {
  switch (reason) {
    case Reason::kOk:
      return "ok";
    case Reason::kTruncated:
      return "truncated";
    case Reason::kTrailingBytes:
      return "trailing bytes";
    case Reason::kBadLength:
      return "impossible length";
    case Reason::kUnknownMessage:
      return "unknown message type";
    case Reason::kBadFlags:
      return "unknown flags";
    case Reason::kBadTupleMarker:
      return "unknown tuple marker";
    case Reason::kBadColumnKind:
      return "unknown column kind";
    case Reason::kBadReplicaIdentity:
      return "unknown replica identity";
    case Reason::kTooManyColumns:
      return "too many columns";
    case Reason::kColumnCountMismatch:
      return "column count differs from the relation";
    case Reason::kUnknownRelation:
      return "row of a relation that was never announced";
    case Reason::kOutOfOrder:
      return "message out of order";
    case Reason::kBadValue:
      return "value not of its type";
    case Reason::kBadUtf8:
      return "not UTF-8";
    case Reason::kUnrepresentable:
      return "value has no form in the output type";
    case Reason::kUnknownConversion:
      return "unknown conversion";
  }
  return "unknown reason";
}

}  // namespace millrace
