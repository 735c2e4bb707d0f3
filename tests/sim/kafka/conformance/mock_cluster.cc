// SPDX-License-Identifier: Apache-2.0
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

#include "kafka/handles.h"
#include "sim/kafka/conformance/cluster.h"
#include "sink/kafka/rdkafka_port.h"

namespace millrace::sim {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{8};
constexpr int kRoundTripMs = 200;       // from now on: five are under way before the first is answered
constexpr std::size_t kLingerMs = 200;  // three records become one batch
constexpr std::int16_t kProduceApi = 0;
constexpr std::int32_t kBroker = 1;

kafka::ClientPtr make_client(rd_kafka_type_t type,
                             const std::vector<std::pair<const char*, std::string>>& settings) {
  kafka::ConfPtr conf(rd_kafka_conf_new());
  char words[256] = "";
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf.get(), name, value.c_str(), words, sizeof words) != RD_KAFKA_CONF_OK)
      throw std::runtime_error(words);
  }
  rd_kafka_conf_set_log_cb(conf.get(), nullptr);
  kafka::ClientPtr client(rd_kafka_new(type, conf.get(), words, sizeof words));
  if (client == nullptr) throw std::runtime_error(words);
  (void)conf.release();
  return client;
}

class MockCluster final : public ConformanceCluster {
 public:
  explicit MockCluster(const ConformanceSetup& setup)
      : owner_(make_client(RD_KAFKA_PRODUCER, {})),
        cluster_(rd_kafka_mock_cluster_new(owner_.get(), 1)),
        reactor_(*Reactor::create(Reactor::Kind::kPlain)) {
    rd_kafka_mock_topic_create(cluster_, kConformanceTopic, 1, 1);
    KafkaConfig config;
    config.bootstrap_servers = rd_kafka_mock_cluster_bootstraps(cluster_);
    const auto set = [&](const char* name, std::size_t value) {
      config.properties.push_back({name, Secret(std::to_string(value))});
    };
    set("batch.num.messages", setup.batch_records_max);
    set("queue.buffering.max.ms", setup.batch_records_max == 1 ? 0 : kLingerMs);
    port_ = make_rdkafka_port(config, "conformance", {}, *reactor_);
  }
  ~MockCluster() override {
    port_.reset();
    rd_kafka_mock_cluster_destroy(cluster_);
  }
  MockCluster(const MockCluster&) = delete;
  MockCluster& operator=(const MockCluster&) = delete;

  KafkaPort& port() override { return *port_; }
  void refuse(const std::vector<rd_kafka_resp_err_t>& errors) override {
    rd_kafka_mock_broker_set_rtt(cluster_, kBroker, kRoundTripMs);
    rd_kafka_mock_push_request_errors_array(cluster_, kProduceApi, errors.size(), errors.data());
  }
  void set_up(bool up) override {
    if (up) {
      rd_kafka_mock_broker_set_up(cluster_, kBroker);
    } else {
      rd_kafka_mock_broker_set_down(cluster_, kBroker);
    }
  }
  bool wait(const std::function<bool()>& done) override {
    for (const auto until = Clock::now() + kPatience; Clock::now() < until;) {
      if (done()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return done();
  }
  std::vector<std::string> contents() override {
    rd_kafka_mock_broker_set_rtt(cluster_, kBroker, 0);
    const kafka::ClientPtr reader =
        make_client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster_)},
                                        {"group.id", "reader"},
                                        {"enable.partition.eof", "true"}});
    const kafka::TopicPtr topic(rd_kafka_topic_new(reader.get(), kConformanceTopic, nullptr));
    rd_kafka_consume_start(topic.get(), 0, RD_KAFKA_OFFSET_BEGINNING);
    std::vector<std::string> records;
    for (const auto until = Clock::now() + kPatience; Clock::now() < until;) {
      const kafka::MessagePtr message(rd_kafka_consume(topic.get(), 0, 100));
      if (message == nullptr) continue;
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) break;
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        records.emplace_back(static_cast<const char*>(message->payload), message->len);
    }
    rd_kafka_consume_stop(topic.get(), 0);
    return records;
  }

 private:
  kafka::ClientPtr owner_;
  rd_kafka_mock_cluster_t* cluster_;
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<KafkaPort> port_;
};

}  // namespace

std::unique_ptr<ConformanceCluster> make_mock_cluster(ConformanceSetup setup) {
  return std::make_unique<MockCluster>(setup);
}

}  // namespace millrace::sim
