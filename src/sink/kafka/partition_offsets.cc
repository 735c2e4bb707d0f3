// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/partition_offsets.h"

#include <boost/json.hpp>
#include <charconv>

#include "base/concat.h"
#include "base/json_text.h"
#include "base/reason_code.h"

namespace millrace {

namespace {

absl::Status not_ours() {
  return with_reason(absl::DataLossError("the checkpoint's sink state is not a Kafka output's: the position "
                                         "belongs to another `sink`"),
                     ReasonCode::kCheckpointMismatch);
}

std::string text_at(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains({name.data(), name.size()});
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

std::int64_t number_at(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains({name.data(), name.size()});
  boost::json::error_code error;
  const auto number = value == nullptr ? 0 : value->to_number<std::int64_t>(error);
  return error ? 0 : number;
}

}  // namespace

absl::Status PartitionOffsets::restore(std::string_view state) {
  if (state.empty()) return absl::OkStatus();
  boost::json::error_code error;
  const boost::json::value value = boost::json::parse({state.data(), state.size()}, error);
  const auto* object = error ? nullptr : value.if_object();
  if (object == nullptr || text_at(*object, "kind") != "kafka") return not_ours();
  cluster_ = text_at(*object, "cluster");
  const auto* topics = object->if_contains("topics");
  if (topics == nullptr) return absl::OkStatus();
  if (!topics->is_object()) return not_ours();
  for (const auto& [name, entry] : topics->get_object()) {
    const auto* fields = entry.if_object();
    if (fields == nullptr) return not_ours();
    TopicOffsets& topic = topics_[std::string(name.data(), name.size())];
    topic.id = text_at(*fields, "id");
    topic.partitions = static_cast<std::int32_t>(number_at(*fields, "partitions"));
    const auto* next = fields->if_contains("next");
    if (next == nullptr || !next->is_object()) return not_ours();
    for (const auto& [partition, offset] : next->get_object()) {
      std::int32_t number = -1;
      std::from_chars(partition.data(), partition.data() + partition.size(), number);
      boost::json::error_code wrong;
      const auto behind = offset.to_number<std::int64_t>(wrong);
      if (number < 0 || wrong || behind < 0) return not_ours();
      topic.next[number] = behind;
    }
  }
  return absl::OkStatus();
}

std::uint32_t PartitionOffsets::add_topic(const std::string& name, const std::string& id,
                                          std::int32_t partitions) {
  TopicOffsets& topic = topics_[name];
  topic.id = id;
  topic.partitions = partitions;
  const auto first = static_cast<std::uint32_t>(next_.size());
  next_.resize(next_.size() + static_cast<std::size_t>(partitions), 0);
  for (const auto& [partition, offset] : topic.next) {
    if (partition < partitions) next_[first + static_cast<std::uint32_t>(partition)] = offset;
  }
  written_.push_back({name, first});
  return first;
}

std::string PartitionOffsets::to_json() const {
  std::string out = concat("{\"kind\":\"kafka\",\"cluster\":", json_quoted(cluster_), ",\"topics\":{");
  std::map<std::string_view, std::uint32_t> places;
  for (const Written& written : written_) places[written.name] = written.first_place;
  bool first_topic = true;
  for (const auto& [name, topic] : topics_) {
    append(out, first_topic ? "" : ",", json_quoted(name), ":{\"id\":", json_quoted(topic.id),
           ",\"partitions\":", topic.partitions, ",\"next\":{");
    first_topic = false;
    bool first = true;
    const auto add = [&](std::int32_t partition, std::int64_t next) {
      append(out, first ? "\"" : ",\"", partition, "\":", next);
      first = false;
    };
    if (const auto found = places.find(name); found != places.end()) {
      for (std::int32_t p = 0; p < topic.partitions; ++p) {
        const std::int64_t next = next_[found->second + static_cast<std::uint32_t>(p)];
        if (next > 0) add(p, next);
      }
    } else {
      for (const auto& [partition, next] : topic.next) add(partition, next);
    }
    out += "}}";
  }
  out += "}}";
  return out;
}

}  // namespace millrace
