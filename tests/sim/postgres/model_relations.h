// SPDX-License-Identifier: Apache-2.0
// Relation versions and records in simulation, without type map and formats: what the stream's logic and the
// stages are to keep apart, and nothing else.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "format/batch_encoder.h"
#include "sim/ledger.h"
#include "sim/verdict.h"
#include "source/postgres/stream/change_stream.h"

namespace millrace::sim {

class ModelRelations final : public postgres::RelationFactory {
 public:
  explicit ModelRelations(Verdict& verdict) : verdict_(verdict) {}
  bool captures(std::string_view schema, std::string_view table) const override;
  absl::StatusOr<RelationPtr> make(const postgres::RelationView& announced,
                                   const postgres::TableDescription* described) override;
  void fail_next() noexcept { fail_next_ = true; }

 private:
  Verdict& verdict_;
  std::map<std::string, std::unique_ptr<Topic>, std::less<>> topics_;
  std::uint32_t versions_ = 0;
  bool fail_next_ = false;
};

struct ModelEncoderOptions {
  bool truncates = true;               ///< Truncates become records.
  std::uint64_t* poison_in = nullptr;  ///< Counts down to a change that cannot be encoded.
};

/// Writes RecordIdentity::text() of each change, read from the product's own views of it.
std::unique_ptr<BatchEncoder> make_postgres_model_encoder(ModelEncoderOptions options, const Ledger& ledger,
                                                          Verdict& verdict);

}  // namespace millrace::sim
