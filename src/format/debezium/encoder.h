// SPDX-License-Identifier: Apache-2.0
// Changes to Debezium records: what an encoder shows besides its records.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "format/batch_encoder.h"

namespace millrace::debezium {

/// What an operator should see as metrics. Only grows.
struct EncodeCounters {
  std::uint64_t unrepresentable_values =
      0;  ///< Legal values that events have no form for, such as NaN: shown unset.
  std::uint64_t unavailable_values = 0;  ///< Unchanged TOAST values of types without a marker: shown unset.
  std::uint64_t keys_not_logged = 0;  ///< Deletes whose old tuple lacks key columns (identity USING INDEX).
};

/// Owner: a worker.
class Encoder : public BatchEncoder {
 public:
  virtual const EncodeCounters& counters() const noexcept = 0;
  /// What happened for the first time since the last call, one line each.
  virtual std::vector<std::string> take_warnings() = 0;
};

}  // namespace millrace::debezium
