// SPDX-License-Identifier: Apache-2.0
#include "sim/kafka/conformance/cluster.h"
#include "sim/kafka/model_port.h"

namespace millrace::sim {

namespace {

constexpr std::int64_t kPatienceUs = 20'000'000;

ModelKafkaOptions cluster_options() {
  ModelKafkaOptions options;
  options.visible_us = options.ready_us = 0;
  return options;
}

ModelProducerOptions producer_options(const ConformanceSetup& setup) {
  ModelProducerOptions options;
  options.batch_records_max = setup.batch_records_max;
  options.linger_us = 0;
  return options;
}

class ModelCluster final : public ConformanceCluster {
 public:
  explicit ModelCluster(const ConformanceSetup& setup)
      : kafka_(cluster_options(), clock_, verdict_, 1), port_(producer_options(setup), troubles_, kafka_, 2) {
    kafka_.on_record = [this](const std::string&, std::int32_t, std::uint64_t, const std::string& record) {
      contents_.push_back(record);
    };
    kafka_.create(kConformanceTopic, 1);
  }

  KafkaPort& port() override { return port_; }
  void refuse(const std::vector<rd_kafka_resp_err_t>& errors) override {
    kafka_.refuse({errors.begin(), errors.end()});
  }
  void set_up(bool up) override {
    kafka_.go_down_until(up ? 0 : kNever);
    if (up) return;
    for (const auto& producer : port_.producers()) producer->cut();
  }
  bool wait(const std::function<bool()>& done) override {
    const std::int64_t until_us = clock_.monotonic_us() + kPatienceUs;
    while (clock_.monotonic_us() < until_us) {
      if (done()) return true;
      while (port_.step(clock_.monotonic_us())) continue;
      clock_.advance_to(std::min(until_us, std::max(port_.next_deadline_us(), clock_.monotonic_us() + 1)));
    }
    return done();
  }
  std::vector<std::string> contents() override { return contents_; }

 private:
  ModelClock clock_;
  Verdict verdict_;
  ModelKafka kafka_;
  AdminTroubles troubles_;
  ModelPort port_;
  std::vector<std::string> contents_;
};

}  // namespace

std::unique_ptr<ConformanceCluster> make_model_cluster(ConformanceSetup setup) {
  return std::make_unique<ModelCluster>(setup);
}

}  // namespace millrace::sim
