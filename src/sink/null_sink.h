// SPDX-License-Identifier: Apache-2.0
// Takes records and changes and keeps nothing: for measuring everything in front of it.
#pragma once
#include <memory>

#include "sink/record_sink.h"
#include "sink/row_sink.h"

namespace millrace {

std::unique_ptr<RecordSink> make_null_sink();
std::unique_ptr<RowSink> make_null_row_sink();

}  // namespace millrace
