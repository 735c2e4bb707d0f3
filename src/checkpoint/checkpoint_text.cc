// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/checkpoint_text.h"

#include <absl/strings/str_format.h>
#include <xxhash.h>

#include <boost/json.hpp>

#include "base/concat.h"
#include "base/reason_code.h"

namespace millrace {

namespace {

constexpr std::string_view kChecksumMark = "\nxxh3 ";
constexpr std::size_t kChecksumDigits = 16;

std::string checksum(std::string_view text) {
  return absl::StrFormat("%016x", XXH3_64bits(text.data(), text.size()));
}

absl::Status corrupt(std::string_view what) {
  return with_reason(absl::DataLossError(concat("the checkpoint is damaged: ", what)),
                     ReasonCode::kCheckpointCorrupt);
}

/// JSON inside JSON stays readable: embedded as a value when it parses, as text when it does not.
boost::json::value embed(const std::string& text) {
  if (text.empty()) return nullptr;
  boost::json::error_code error;
  boost::json::value value = boost::json::parse(text, error);
  return error ? boost::json::value(text) : value;
}

std::string unembed(const boost::json::value* value) {
  if (value == nullptr || value->is_null()) return {};
  if (const auto* text = value->if_string()) return std::string(std::string_view(*text));
  return boost::json::serialize(*value);
}

}  // namespace

std::string to_text(const Checkpoint& checkpoint) {
  boost::json::object object;
  object["format_version"] = checkpoint.format_version;
  object["generation"] = checkpoint.generation;
  object["pipeline"] = checkpoint.pipeline;
  object["phase"] = checkpoint.phase;
  object["position"] = embed(checkpoint.position.text);
  object["source"] = embed(checkpoint.source_identity);
  object["sink"] = embed(checkpoint.sink_state);
  object["options_hash"] = absl::StrFormat("%016x", checkpoint.options_hash);
  object["relations"] = embed(checkpoint.relations);
  // One field a line: what changed shows in a diff.
  std::string text = "{\n";
  for (auto it = object.begin(); it != object.end(); ++it) {
    append(text, "  \"", std::string_view(it->key()), "\": ", boost::json::serialize(it->value()),
           it + 1 == object.end() ? "\n" : ",\n");
  }
  text += "}";
  const std::string sum = checksum(text);
  append(text, kChecksumMark, sum, "\n");
  return text;
}

absl::Status check_size(std::string_view text) {
  if (text.size() <= kCheckpointBytesMax) return absl::OkStatus();
  return reason_error(
      ReasonCode::kCheckpointWriteFailed,
      concat("the checkpoint has ", text.size(), " bytes, and none has more than ", kCheckpointBytesMax,
             ": it grows with topics and partitions. Split the pipeline by table.include.list"));
}

absl::StatusOr<Checkpoint> parse_checkpoint(std::string_view text) {
  if (text.size() > kCheckpointBytesMax) return corrupt("it is larger than any checkpoint");
  const std::size_t mark = text.rfind(kChecksumMark);
  if (mark == std::string_view::npos) return corrupt("it has no checksum; it is cut or was edited");
  const std::string_view body = text.substr(0, mark);
  const std::string_view sum = text.substr(mark + kChecksumMark.size());
  if (sum.size() != kChecksumDigits + 1 || sum.back() != '\n' ||
      sum.substr(0, kChecksumDigits) != checksum(body)) {
    return corrupt("its checksum does not fit; it is torn or was edited");
  }
  boost::json::error_code error;
  const boost::json::value value = boost::json::parse({body.data(), body.size()}, error);
  const auto* object = error ? nullptr : value.if_object();
  if (object == nullptr) return corrupt("it is no JSON object");
  const auto number = [&](std::string_view key, auto& to) {
    const auto* field = object->if_contains(key);
    boost::json::error_code none;
    if (field == nullptr || !field->is_number()) return false;
    to = field->to_number<std::remove_reference_t<decltype(to)>>(none);
    return !none;
  };
  const auto string = [&](std::string_view key, std::string& to) {
    const auto* field = object->if_contains(key);
    if (field == nullptr || !field->is_string()) return false;
    to = std::string(std::string_view(field->get_string()));
    return true;
  };
  Checkpoint checkpoint;
  if (!number("format_version", checkpoint.format_version)) return corrupt("it has no format_version");
  if (checkpoint.format_version != kCheckpointFormat) {
    return with_reason(
        absl::FailedPreconditionError(concat("the checkpoint has format ", checkpoint.format_version,
                                             ", this version of millrace reads ", kCheckpointFormat,
                                             ". Run the version that wrote it, or start anew with millrace "
                                             "position reset")),
        ReasonCode::kCheckpointMismatch);
  }
  std::string options_hash;
  if (!number("generation", checkpoint.generation) || !string("pipeline", checkpoint.pipeline) ||
      !string("phase", checkpoint.phase) || !string("options_hash", options_hash)) {
    return corrupt("a field is missing or of another type");
  }
  checkpoint.options_hash = std::strtoull(options_hash.c_str(), nullptr, 16);
  checkpoint.position.text = unembed(object->if_contains("position"));
  checkpoint.source_identity = unembed(object->if_contains("source"));
  checkpoint.sink_state = unembed(object->if_contains("sink"));
  checkpoint.relations = unembed(object->if_contains("relations"));
  return checkpoint;
}

}  // namespace millrace
