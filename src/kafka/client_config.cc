// SPDX-License-Identifier: Apache-2.0
#include "kafka/client_config.h"

#include <syslog.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "base/concat.h"
#include "base/log.h"
#include "base/reason_code.h"
#include "kafka/properties.h"

namespace millrace::kafka {

namespace {

/// Below the brokers' socket.request.max.bytes (100 MiB): a larger request closes the connection, for ever.
constexpr std::string_view kRecordBytesMax = "100000000";
/// librdkafka's default; brokers take 48 KB more by default, and compress or not, a batch fits.
constexpr std::int64_t kBatchBytes = 1'000'000;

/// librdkafka's own lines: any of its threads. It repeats no secrets.
void log_line(const rd_kafka_t* client, int level, const char* facility, const char* text) {
  const std::string_view about = facility == nullptr ? "" : facility;
  // What it thinks of properties (that gaplessness is experimental, say) is nobody's concern at every start.
  // An ERROR stands in a FAIL line already, and would be repeated with each call that waits for a
  // transaction.
  const bool said_enough = about == "CONFWARN" || about == "ERROR";
  const LogLevel to = said_enough            ? LogLevel::kDebug
                      : level <= LOG_WARNING ? LogLevel::kWarn
                      : level <= LOG_INFO    ? LogLevel::kInfo
                                             : LogLevel::kDebug;
  if (!log_enabled(to)) return;
  log(to, "kafka", text,
      {{"client", client == nullptr ? "" : rd_kafka_name(client)}, {"facility", facility}});
}

struct Setting {
  std::string_view name;
  std::string value;
};

absl::Status set(rd_kafka_conf_t* conf, std::string_view name, const std::string& value) {
  const std::string key(name);
  char ignored[512];  // it may repeat the value
  if (rd_kafka_conf_set(conf, key.c_str(), value.c_str(), ignored, sizeof ignored) == RD_KAFKA_CONF_OK) {
    return absl::OkStatus();
  }
  return reason_error(ReasonCode::kConfigInvalid, concat("kafka.", name, ": librdkafka refuses the value"));
}

bool fits(const Property& property, Purpose purpose) {
  switch (property.clients) {
    case Property::Clients::kAll:
      return true;
    case Property::Clients::kConsumers:
      return purpose == Purpose::kReader;
    case Property::Clients::kProducers:
      break;
  }
  return purpose != Purpose::kReader;
}

/// Of records on their way, so of their producer alone. librdkafka makes no transactional producer with some
/// of them: delivery.timeout.ms as Kafka Connect has it, say.
constexpr std::array<std::string_view, 9> kOfRecords = {
    "linger.ms",           "queue.buffering.max.ms",   "batch.size",
    "batch.num.messages",  "message.max.bytes",        "message.timeout.ms",
    "delivery.timeout.ms", "enable.gapless.guarantee", "statistics.interval.ms"};

/// Whether a property of the user's is for the clients of this purpose.
bool concerns(const std::string& name, Purpose purpose) {
  const Property* const property = find_property(name);
  if (property != nullptr && !fits(*property, purpose)) return false;
  if (purpose == Purpose::kProducer) return true;
  if (std::ranges::find(kOfRecords, name) != kOfRecords.end()) return false;
  // librdkafka compares these with transaction.timeout.ms and with fetch.max.bytes, which are set here.
  if (purpose == Purpose::kCheckpointProducer) return name != "socket.timeout.ms";
  return purpose != Purpose::kReader || name != "receive.message.max.bytes";
}

const KafkaProperty* written(const KafkaConfig& config, std::string_view name) {
  for (const KafkaProperty& property : config.properties) {
    if (property.name == name) return &property;
  }
  return nullptr;
}

/// What a purpose lays down where the user says nothing.
std::vector<Setting> defaults(Purpose purpose, const ClientOptions& options) {
  std::vector<Setting> all = {
      {"client.id", concat("millrace-", options.pipeline)},
      // librdkafka's 10 s would keep a broker that is back waiting for longer.
      {"reconnect.backoff.max.ms", "5000"},
      {"socket.keepalive.enable", "true"},
  };
  if (purpose == Purpose::kProducer) {
    all.push_back({"message.max.bytes", std::string(kRecordBytesMax)});
    all.push_back({"linger.ms", options.gathers ? "1" : "0"});
    all.push_back({"statistics.interval.ms", "5000"});
  }
  if (purpose == Purpose::kCheckpointProducer) all.push_back({"linger.ms", "0"});
  return all;
}

/// What a purpose demands.
std::vector<Setting> demands(Purpose purpose, const KafkaConfig& config, const ClientOptions& options) {
  std::vector<Setting> all = {{"bootstrap.servers", config.bootstrap_servers},
                              {"allow.auto.create.topics", "false"}};
  if (purpose == Purpose::kProducer || purpose == Purpose::kCheckpointProducer) {
    all.push_back({"acks", "all"});
    all.push_back({"enable.idempotence", "true"});
    all.push_back({"retries", "2147483647"});
  }
  if (purpose == Purpose::kProducer) {
    all.push_back({"enable.gapless.guarantee", "true"});
    all.push_back({"message.timeout.ms", "0"});
    // The sink counts bytes and messages itself, overhead included.
    all.push_back({"queue.buffering.max.messages", "0"});
    all.push_back({"queue.buffering.max.kbytes", "2147483647"});
    std::int64_t batch_bytes = kBatchBytes;
    if (const KafkaProperty* own = written(config, "batch.size")) {
      batch_bytes = std::strtoll(own->value.reveal().c_str(), nullptr, 10);
    }
    if (options.batch_bytes_max > 0) batch_bytes = std::min(batch_bytes, options.batch_bytes_max);
    all.push_back({"batch.size", std::to_string(batch_bytes)});
  }
  if (purpose == Purpose::kCheckpointProducer) {
    all.push_back({"transactional.id", options.transactional_id});
  }
  if (purpose == Purpose::kReader) {
    all.push_back({"isolation.level", "read_committed"});
    all.push_back({"enable.partition.eof", "true"});
    all.push_back({"enable.auto.commit", "false"});
    all.push_back({"enable.auto.offset.store", "false"});
    all.push_back({"auto.offset.reset", "error"});
  }
  return all;
}

}  // namespace

std::string transactional_id(std::string_view pipeline) { return concat("millrace-", pipeline); }

absl::StatusOr<ConfPtr> make_conf(const KafkaConfig& config, Purpose purpose, const ClientOptions& options) {
  if (!library_is_new_enough()) {
    return reason_error(ReasonCode::kKafkaVersion,
                        concat("librdkafka ", library_version(), " is too old: 2.14.0 or newer is needed"));
  }
  ConfPtr conf(rd_kafka_conf_new());
  for (const Setting& setting : defaults(purpose, options)) {
    const Property* const property = find_property(setting.name);
    if (property == nullptr || !fits(*property, purpose)) continue;
    if (absl::Status status = set(conf.get(), setting.name, setting.value); !status.ok()) return status;
  }
  for (const KafkaProperty& own : config.properties) {
    if (!concerns(own.name, purpose)) continue;
    if (absl::Status status = set(conf.get(), own.name, own.value.reveal()); !status.ok()) return status;
  }
  for (const Setting& setting : demands(purpose, config, options)) {
    const Property* const property = find_property(setting.name);
    if (property == nullptr || !fits(*property, purpose)) continue;
    if (absl::Status status = set(conf.get(), setting.name, setting.value); !status.ok()) return status;
  }
  rd_kafka_conf_set_log_cb(conf.get(), log_line);
  int events = options.events;
  if (purpose == Purpose::kProducer) events |= RD_KAFKA_EVENT_DR;
  if (events != 0) rd_kafka_conf_set_events(conf.get(), events);
  return conf;
}

absl::StatusOr<ClientPtr> make_client(Purpose purpose, ConfPtr conf) {
  char words[512] = "";
  rd_kafka_t* client = rd_kafka_new(purpose == Purpose::kReader ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER,
                                    conf.get(), words, sizeof words);
  if (client == nullptr) {
    return reason_error(ReasonCode::kConfigInvalid, concat("no Kafka client with these options: ", words));
  }
  [[maybe_unused]] const auto* const theirs = conf.release();  // the client's now
  return ClientPtr(client);
}

absl::StatusOr<ClientPtr> make_client(const KafkaConfig& config, Purpose purpose,
                                      const ClientOptions& options) {
  absl::StatusOr<ConfPtr> conf = make_conf(config, purpose, options);
  if (!conf.ok()) return conf.status();
  return make_client(purpose, *std::move(conf));
}

}  // namespace millrace::kafka
