// SPDX-License-Identifier: Apache-2.0
#include "cli/status_text.h"

#include "base/concat.h"
#include "base/json_text.h"
#include "cli/quantities.h"

#include <boost/json/parse.hpp>

#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>

namespace millrace::cli {
namespace {

namespace json = boost::json;

/// The text of a value as a terminal may show it; `-` for null or anything that is no scalar.
std::string scalar(const json::value* value) {
  if (value == nullptr) return "-";
  if (const json::string* text = value->if_string()) {
    std::string out;
    append_json_text(out, std::string_view(text->data(), text->size()));  // no control characters
    return out.empty() ? "-" : out;
  }
  if (const std::int64_t* number = value->if_int64()) return concat(*number);
  if (const std::uint64_t* number = value->if_uint64()) return concat(*number);
  if (const bool* flag = value->if_bool()) return *flag ? "yes" : "no";
  return "-";
}

std::optional<std::uint64_t> number(const json::value* value) {
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const double as_double = value->to_number<double>();
  return as_double < 0 ? 0 : static_cast<std::uint64_t>(as_double);
}

const json::value* member(const json::value& object, std::initializer_list<std::string_view> path) {
  const json::value* value = &object;
  for (const std::string_view key : path) {
    const json::object* inner = value == nullptr ? nullptr : value->if_object();
    value = inner == nullptr ? nullptr : inner->if_contains(json::string_view(key.data(), key.size()));
  }
  return value;
}

std::string lag_of(const json::value& pipeline, std::string_view stage) {
  std::string out;
  if (const auto bytes = number(member(pipeline, {"positions", stage, "lag_bytes"}))) {
    append(out, short_bytes(*bytes), " behind");
  }
  if (const auto ms = number(member(pipeline, {"positions", stage, "lag_ms"}))) {
    append(out, out.empty() ? "" : ", ", short_duration_ms(*ms));
  }
  return out;
}

void append_pipeline(std::string& out, const json::value& pipeline) {
  append(out, scalar(member(pipeline, {"name"})), ": ", scalar(member(pipeline, {"phase"})), "\n");
  for (const std::string_view stage :
       {"server_head", "received", "encoded", "acknowledged", "checkpointed", "told"}) {
    const std::string position = scalar(member(pipeline, {"positions", stage, "position"}));
    if (position == "-") continue;
    std::string label(stage == "server_head" ? "server" : stage);
    label.resize(14, ' ');
    std::string place = position;
    place.resize(std::max<std::size_t>(place.size(), 20), ' ');
    append(out, "  ", label, place, lag_of(pipeline, stage), "\n");
  }
  if (const auto events = number(member(pipeline, {"totals", "events"}))) {
    append(out, "  events        ", short_count(*events), ", ",
           short_count(number(member(pipeline, {"rates", "events_per_second"})).value_or(0)), "/s\n");
  }
  if (const auto retained = number(member(pipeline, {"slot", "retained_bytes"}))) {
    append(out, "  slot          ", scalar(member(pipeline, {"slot", "name"})), " keeps ",
           short_bytes(*retained), " of WAL (", scalar(member(pipeline, {"slot", "wal_status"})), ")\n");
  }
  if (const json::value* reasons = member(pipeline, {"reasons"}); reasons != nullptr && reasons->is_array()) {
    for (const json::value& reason : reasons->get_array())
      append(out, "  unhealthy     ", scalar(&reason), "\n");
  }
  if (const json::value* error = member(pipeline, {"last_error"}); error != nullptr && error->is_object()) {
    append(out, "  last error    ", scalar(member(*error, {"code"})), ": ",
           scalar(member(*error, {"message"})), "\n");
  }
}

}  // namespace

absl::StatusOr<StatusText> status_text(std::string_view text) {
  try {
    json::error_code error;
    const json::value status = json::parse(json::string_view(text.data(), text.size()), error);
    const json::value* const pipelines = error ? nullptr : member(status, {"pipelines"});
    if (pipelines == nullptr || !pipelines->is_array())
      return absl::InvalidArgumentError("not the answer of /status");
    StatusText result;
    append(result.text, "millrace ", scalar(member(status, {"version"})), ", up ",
           short_duration_ms(number(member(status, {"uptime_ms"})).value_or(0)), "\n");
    for (const json::value& pipeline : pipelines->get_array()) {
      const json::value* const healthy = member(pipeline, {"healthy"});
      if (healthy == nullptr || !healthy->is_bool() || !healthy->get_bool()) result.healthy = false;
      result.text += '\n';
      append_pipeline(result.text, pipeline);
    }
    return result;
  } catch (const std::exception&) {
    return absl::InvalidArgumentError("not the answer of /status");
  }
}

}  // namespace millrace::cli
