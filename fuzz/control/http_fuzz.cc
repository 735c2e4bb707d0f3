// SPDX-License-Identifier: Apache-2.0
// Bytes from a client into the server's parser, then the pages; and the bytes as an address and as names in
// /metrics and /status. What is answered must be what it says it is: JSON that parses, metrics whose every
// line has a value.
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/json/parse.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "control/control_pages.h"
#include "control/metrics_text.h"
#include "control/snapshot_metrics.h"
#include "control/status_json.h"
#include "input.h"

namespace {

using namespace millrace::control;
using millrace::fuzz::require;
namespace http = boost::beast::http;

void check_page(const HttpResponse& page) {
  require(page.status == 200 || page.status == 404 || page.status == 503);
  if (page.content_type == "application/json") {
    boost::json::error_code error;
    require(boost::json::parse(page.body, error).is_object() && !error);
  }
  if (!page.content_type.starts_with("text/plain; version")) return;
  for (std::size_t at = 0; at < page.body.size();) {
    const std::size_t end = page.body.find('\n', at);
    require(end != std::string::npos);
    const std::string_view line = std::string_view(page.body).substr(at, end - at);
    if (!line.starts_with("# HELP ") && !line.starts_with("# TYPE ")) {
      const std::string value(line.substr(line.rfind(' ') + 1));
      char* value_end = nullptr;
      std::strtod(value.c_str(), &value_end);
      require(!value.empty() && *value_end == '\0');
    }
    at = end + 1;
  }
}

void request_of(ControlPages& pages, std::string_view bytes) {
  http::request_parser<http::empty_body> parser;
  parser.header_limit(8 * 1024);
  parser.body_limit(0);
  boost::beast::error_code error;
  parser.put({bytes.data(), bytes.size()}, error);
  if (error || !parser.is_header_done()) return;
  const auto target = parser.get().target();
  check_page(pages.answer({{target.data(), target.size()}}));
}

void address_of(std::string_view text) {
  const auto endpoint = parse_endpoint(text);
  if (!endpoint.ok()) return;
  const auto again = parse_endpoint(to_string(*endpoint));
  require(again.ok() && *again == *endpoint);
}

void names_of(std::string_view text) {
  PipelineSnapshot pipeline;
  pipeline.name = text;
  pipeline.phase = text.substr(0, text.size() / 2);
  pipeline.last_error = text;
  pipeline.slot = {std::string(text), {1, std::string(text), 0}, {}, std::string(text), 3};
  pipeline.pools = {{std::string(text), 1, 2}};
  pipeline.rings = {{std::string(text), 1, 2}};
  pipeline.tables = {{std::string(text), 1, 2, 3, 4, 5, 6}};
  pipeline.at(Stage::kServerHead) = {9, std::string(text), 0};
  millrace::metrics::Registry registry;
  registry.counter(millrace::metrics::Family::kEvents, {text, text, text}).add(1);
  const Now now{1'000, 2'000};
  PipelineHistory history;
  history.observe(now, {&pipeline, 1});
  const auto health = HealthPolicy().judge(now, {&pipeline, 1});
  publish(registry, pipeline, history, true, now);
  check_page({200, kMetricsContentType, metrics_text(registry.read())});
  check_page({200, "application/json", status_json(text, 1, {&pipeline, 1}, health, history, now)});
  check_page({200, "application/json", health_json(health)});
  check_page({200, "application/json", ready_json(health)});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static millrace::metrics::Registry registry;
  static ControlPages pages(
      {"1", "2", {}}, registry, [] { return std::vector<PipelineSnapshot>{}; },
      [] { return Now{1'000, 2'000}; });
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  request_of(pages, bytes);
  address_of(bytes);
  if (size <= 64) names_of(bytes);
  return 0;
}
