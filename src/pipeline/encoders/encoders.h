// SPDX-License-Identifier: Apache-2.0
// The one place where sources meet formats: every pair that exists is instantiated here.
#pragma once
#include <memory>

#include "format/debezium/encoder.h"
#include "format/debezium/envelope_options.h"
#include "format/json/isa.h"

namespace millrace {

/// PostgreSQL's changes to Debezium's JSON. One per worker.
/// @param isa  the row loop's instruction set; tests and benchmarks try others than the best.
std::unique_ptr<debezium::Encoder> make_postgres_debezium_json_encoder(
    const debezium::EnvelopeOptions& options, format::Isa isa = format::best_isa());

}  // namespace millrace
