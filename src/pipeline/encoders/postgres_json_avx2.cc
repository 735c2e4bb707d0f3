// SPDX-License-Identifier: Apache-2.0
#include "pipeline/encoders/postgres_json.h"
#include "source/postgres/convert/convert.h"
#include "source/postgres/row_decoder.h"

namespace millrace {

const debezium::ImageKernel kPostgresJsonAvx2 = debezium::write_image<postgres::Rows, format::Isa::kAvx2>;

}  // namespace millrace
