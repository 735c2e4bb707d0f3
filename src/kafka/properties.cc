// SPDX-License-Identifier: Apache-2.0
#include "kafka/properties.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/concat.h"
#include "kafka/handles.h"

namespace millrace::kafka {

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// librdkafka shows its table to people only: as Markdown, one property a line.
///
///   linger.ms | P | 0 .. 900000 | 5 | high | Alias for `queue.buffering.max.ms`: ... <br>*Type: float*
std::vector<Property> read_table() {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* file = ::open_memstream(&text, &size);
  if (file == nullptr) return {};
  rd_kafka_conf_properties_show(file);
  std::fclose(file);
  std::vector<Property> out;
  std::string_view rest(text, size);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size() - 1);
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    std::array<std::string_view, 5> cells;
    std::size_t count = 0;
    std::string_view left = line;
    for (; count < cells.size(); ++count) {
      const std::size_t bar = left.find(" | ");
      if (bar == std::string_view::npos) break;
      cells[count] = trimmed(left.substr(0, bar));
      left.remove_prefix(bar + 3);
    }
    if (count < cells.size() || cells[0] == "Property") continue;
    if (cells[0].starts_with("plugin.")) continue;  // nobody else's code is loaded into this process
    Property property;
    property.name = std::string(cells[0]);
    property.clients = cells[1] == "P"   ? Property::Clients::kProducers
                       : cells[1] == "C" ? Property::Clients::kConsumers
                                         : Property::Clients::kAll;
    property.range = std::string(cells[2]);
    property.default_value = std::string(cells[3]);
    property.callback = left.find("*Type: see dedicated API*") != std::string_view::npos;
    out.push_back(std::move(property));
  }
  std::free(text);
  std::ranges::sort(out, {}, &Property::name);
  // `compression.codec` and the like exist per client and per topic: the first is what a file sets.
  const auto repeated = std::ranges::unique(out, {}, &Property::name);
  out.erase(repeated.begin(), repeated.end());
  return out;
}

constexpr std::string_view kExpiry = "records never expire: Kafka may be away for hours";
constexpr std::string_view kAcks = "a record counts as delivered when all in-sync replicas have it";
constexpr std::string_view kOrder = "order and the absence of gaps rest on the idempotent producer";
constexpr std::string_view kBudget = "memory.limit bounds what is on its way";
constexpr std::string_view kMurmur = "partitions are murmur2 of the key, as the Java client's";
constexpr std::string_view kOurs = "millrace sets it";

constexpr std::array kPromises = {
    Promise{"acks", "all|-1", kAcks},
    Promise{"request.required.acks", "all|-1", kAcks},
    Promise{"enable.idempotence", "true", kOrder},
    Promise{"enable.gapless.guarantee", "true", kOrder},
    Promise{"max.in.flight", "1|2|3|4|5", kOrder},
    Promise{"max.in.flight.requests.per.connection", "1|2|3|4|5", kOrder},
    Promise{"queuing.strategy", "fifo", kOrder},
    Promise{"queue.buffering.backpressure.threshold", "1", kOrder},
    Promise{"message.timeout.ms", "0", kExpiry},
    Promise{"delivery.timeout.ms", "0|2147483647", kExpiry},
    Promise{"message.send.max.retries", "2147483647", kExpiry},
    Promise{"retries", "2147483647", kExpiry},
    Promise{"transactional.id", "", "millrace names it after the pipeline"},
    Promise{"partitioner", "murmur2|murmur2_random", kMurmur},
    Promise{"sticky.partitioning.linger.ms", "", kMurmur},
    Promise{"queue.buffering.max.messages", "", kBudget},
    Promise{"queue.buffering.max.kbytes", "", kBudget},
    Promise{"delivery.report.only.error", "false", "every delivery is accounted for"},
    Promise{"allow.auto.create.topics", "false", "topics are made by topic.creation.*"},
    Promise{"enabled_events", "", kOurs},
    Promise{"log.queue", "", kOurs},
    Promise{"metadata.broker.list", "", "write kafka.bootstrap.servers"},
    Promise{"builtin.features", "", "it cannot be set"},
};

constexpr std::array kJavaNames = {
    JavaName{"max.request.size", "message.max.bytes", ""},
    JavaName{"send.buffer.bytes", "socket.send.buffer.bytes", ""},
    JavaName{"receive.buffer.bytes", "socket.receive.buffer.bytes", ""},
    JavaName{"metadata.max.age.ms", "topic.metadata.refresh.interval.ms", ""},
    JavaName{"buffer.memory", "", "memory.limit bounds what is on its way"},
    JavaName{"max.block.ms", "", "records wait as long as it takes"},
    JavaName{"key.serializer", "", "keys are encoded here"},
    JavaName{"value.serializer", "", "values are encoded here"},
    JavaName{"metadata.max.idle.ms", "", "topics stay known"},
    JavaName{"metrics.num.samples", "", "/metrics has what Kafka's client would measure"},
    JavaName{"metrics.recording.level", "", "/metrics has what Kafka's client would measure"},
    JavaName{"metrics.sample.window.ms", "", "/metrics has what Kafka's client would measure"},
    JavaName{"metric.reporters", "", "/metrics has what Kafka's client would measure"},
    JavaName{"partitioner.adaptive.partitioning.enable", "", "partitions are murmur2 of the key"},
    JavaName{"partitioner.availability.timeout.ms", "", "partitions are murmur2 of the key"},
    JavaName{"partitioner.ignore.keys", "", "partitions are murmur2 of the key", true},
    JavaName{"partitioner.class", "", "partitions are murmur2 of the key, as the Java client's", true},
    JavaName{"interceptor.classes", "", "there are no Java classes here", true},
    JavaName{"sasl.jaas.config", "", "write kafka.sasl.username and kafka.sasl.password", true},
    JavaName{"sasl.login.class", "", "there are no Java classes here", true},
    JavaName{"sasl.login.callback.handler.class", "",
             "there are no Java classes here; see kafka.sasl.oauthbearer.method", true},
    JavaName{"sasl.client.callback.handler.class", "", "there are no Java classes here", true},
    JavaName{"ssl.truststore.location", "", "write kafka.ssl.ca.location, a PEM file", true},
    JavaName{"ssl.truststore.password", "", "a PEM file has none", true},
    JavaName{"ssl.truststore.type", "", "write kafka.ssl.ca.location, a PEM file", true},
    JavaName{"ssl.truststore.certificates", "ssl.ca.pem", ""},
    JavaName{"ssl.keystore.type", "", "kafka.ssl.keystore.location is a PKCS#12 file", true},
    JavaName{"ssl.keystore.certificate.chain", "ssl.certificate.pem", ""},
    JavaName{"ssl.keystore.key", "ssl.key.pem", ""},
};

}  // namespace

std::string_view library_version() { return rd_kafka_version_str(); }
bool library_is_new_enough() { return rd_kafka_version() >= kLibraryVersionMin; }

std::span<const Property> properties() {
  static const std::vector<Property> table = read_table();
  return table;
}

const Property* find_property(std::string_view name) {
  const std::span<const Property> all = properties();
  const auto found = std::ranges::lower_bound(all, name, {}, &Property::name);
  return found != all.end() && found->name == name ? &*found : nullptr;
}

std::span<const Promise> promises() noexcept { return kPromises; }

std::optional<std::string> property_problem(std::string_view name, const std::string& value) {
  const Property* const property = find_property(name);
  if (property == nullptr) return "no such property";
  const auto* const promise = std::ranges::find(kPromises, name, &Promise::name);
  if (promise != kPromises.end()) {
    for (std::string_view rest = promise->allowed; !rest.empty();) {
      const std::size_t bar = std::min(rest.find('|'), rest.size());
      if (rest.substr(0, bar) == trimmed(value)) return std::nullopt;
      rest.remove_prefix(std::min(bar + 1, rest.size()));
    }
    std::string allowed;
    for (const char c : promise->allowed) {
      if (c == '|') {
        allowed += ", ";
      } else {
        allowed += c;
      }
    }
    return concat("refused: ", promise->why, allowed.empty() ? "" : "; allowed: ", allowed);
  }
  if (property->callback) return "refused: only a program can set it";
  if (property->clients == Property::Clients::kConsumers) return "refused: it is a property of consumers";
  if (value.find('\0') != std::string::npos) return "a NUL character is not allowed";
  const ConfPtr conf(rd_kafka_conf_new());
  const std::string key(name);
  char ignored[512];  // it may repeat the value
  if (rd_kafka_conf_set(conf.get(), key.c_str(), value.c_str(), ignored, sizeof ignored) ==
      RD_KAFKA_CONF_OK) {
    return std::nullopt;
  }
  if (std::string_view(ignored).find("not supported") != std::string_view::npos) {
    return "not supported by the librdkafka in this build";
  }
  return property->range.empty() ? std::string("not a value that librdkafka takes")
                                 : concat("allowed: ", property->range);
}

const JavaName* find_java_name(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kJavaNames, name, &JavaName::name);
  return found == kJavaNames.end() ? nullptr : found;
}

}  // namespace millrace::kafka
