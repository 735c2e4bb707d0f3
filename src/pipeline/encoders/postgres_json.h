// SPDX-License-Identifier: Apache-2.0
// The row loop from PostgreSQL values to JSON, one per instruction set.
#pragma once
#include "format/debezium/image_kernel.h"

namespace millrace {

// Each is defined in a translation unit of its own, compiled for its instruction set; see format/json/isa.h.
extern const debezium::ImageKernel kPostgresJsonScalar;
extern const debezium::ImageKernel kPostgresJsonSse2;
extern const debezium::ImageKernel kPostgresJsonAvx2;

}  // namespace millrace
