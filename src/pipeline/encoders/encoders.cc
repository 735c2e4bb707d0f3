// SPDX-License-Identifier: Apache-2.0
#include "pipeline/encoders/encoders.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/debezium/envelope_encoder.h"
#include "pipeline/encoders/postgres_json.h"
#include "source/postgres/convert/convert.h"
#include "source/postgres/row_decoder.h"

namespace millrace {
namespace {

using JsonWriter = format::JsonWriter<format::Isa::kScalar>;

std::optional<std::string> to_json(const Conversion& conversion, std::string_view text) {
  std::string padded(text);
  padded.append(kPadding, '\0');
  const FieldView field = postgres::text_field({padded.data(), text.size()});
  std::string out(postgres::worst_case_bytes(field, conversion) + format::kWriteSlack, '\0');
  JsonWriter writer(out.data());
  if (postgres::write_value(conversion, field, writer)) return std::nullopt;
  out.resize(static_cast<std::size_t>(writer.position() - out.data()));
  return out;
}

debezium::ConversionFacts postgres_facts() {
  return {to_json, [](const Conversion& conversion) { return postgres::fixed_bytes(conversion); },
          [](const Conversion& conversion) {
            return postgres::growth_is_bounded(conversion, FieldKind::kText) &&
                   postgres::growth_is_bounded(conversion, FieldKind::kBinary);
          }};
}

debezium::ImageKernel kernel_for(format::Isa isa) {
  switch (isa) {
    case format::Isa::kScalar:
      return kPostgresJsonScalar;
    case format::Isa::kSse2:
      return kPostgresJsonSse2;
    case format::Isa::kAvx2:
      return kPostgresJsonAvx2;
  }
  return kPostgresJsonSse2;
}

}  // namespace

std::unique_ptr<debezium::Encoder> make_postgres_debezium_json_encoder(
    const debezium::EnvelopeOptions& options, format::Isa isa) {
  return std::make_unique<debezium::EnvelopeEncoder<postgres::Rows>>(options, postgres_facts(),
                                                                     kernel_for(isa));
}

}  // namespace millrace
