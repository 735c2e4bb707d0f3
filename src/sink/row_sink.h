// SPDX-License-Identifier: Apache-2.0
// The edge behind which changes leave as rows: databases, lake tables.
#pragma once
#include <absl/status/status.h>

#include <cstdint>

#include "change/batch.h"

namespace millrace {

/// The edge for sinks that take rows (databases, lake tables): whole batches with their decoded relations,
/// before encoding. Same contract as RecordSink.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual bool ready() const noexcept = 0;
  virtual void submit(Batch* batch) = 0;
  virtual Batch* poll(std::int64_t now_us) = 0;
  virtual absl::Status status() const = 0;
};

}  // namespace millrace
