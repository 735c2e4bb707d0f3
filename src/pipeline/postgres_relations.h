// SPDX-License-Identifier: Apache-2.0
// Which tables a pipeline captures, and the relation versions and topics it makes of them.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "config/pattern_list.h"
#include "format/topic_naming.h"
#include "source/postgres/stream/change_stream.h"
#include "source/postgres/type_map/type_map.h"

namespace millrace {

/// Topics of one pipeline. Records point to them, so they live as long as it. Owner: the ingest's thread.
class Topics {
 public:
  /// The topic of this name, made when it is new.
  const Topic* find(const std::string& name);

 private:
  std::map<std::string, std::unique_ptr<Topic>, std::less<>> topics_;
};

/// Owner: the ingest's thread.
class PostgresRelations final : public postgres::RelationFactory {
 public:
  struct Options {
    std::string pipeline;
    NameFilter schemas;
    NameFilter tables;
    TopicNaming naming;
    postgres::TypeMapOptions types;
  };
  PostgresRelations(Options options, Topics& topics) : options_(std::move(options)), topics_(topics) {}

  bool captures(std::string_view schema, std::string_view table) const override;
  absl::StatusOr<RelationPtr> make(const postgres::RelationView& announced,
                                   const postgres::TableDescription* described) override;

 private:
  const Options options_;
  Topics& topics_;
  std::uint32_t versions_ = 0;
  /// What the newest version of a table was made from: tables are announced again without having changed.
  struct Made {
    std::string from;
    RelationPtr relation;
  };
  std::map<std::uint64_t, Made> newest_;
  std::map<std::string, std::string, std::less<>> table_of_topic_;
};

}  // namespace millrace
