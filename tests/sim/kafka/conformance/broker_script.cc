// SPDX-License-Identifier: Apache-2.0
#include "sim/kafka/conformance/broker_script.h"

#include <cstdio>
#include <map>
#include <vector>

#include "sim/kafka/model_kafka.h"

namespace millrace::sim {

namespace {

/// What a client has sent so far, right or wrong.
struct Client {
  struct Batch {
    std::uint64_t first = 0;
    std::size_t records = 0;
  };
  std::int32_t epoch = 0;
  std::uint64_t next = 0;
  std::vector<Batch> sent;
};

ProduceRequest draw(Random& random, std::uint64_t producer, Client& client) {
  ProduceRequest request;
  request.producer = producer;
  request.topic = "t";
  std::size_t records = 1 + random.below(3);
  request.first_sequence = client.next;
  const std::uint64_t what = random.below(100);
  if (what < 55) {
    client.next += records;  // as it should be
  } else if (what < 75 && !client.sent.empty()) {
    // Once more, one of the last few, or nearly.
    const std::size_t back = 1 + random.below(std::min<std::size_t>(7, client.sent.size()));
    request.first_sequence = client.sent[client.sent.size() - back].first;
    records = client.sent[client.sent.size() - back].records + (random.percent(15) ? 1 : 0);
  } else if (what < 85) {
    request.first_sequence += 1 + random.below(3);
    if (random.percent(30)) client.next = request.first_sequence + records;
  } else if (what < 90) {
    request.first_sequence = random.below(client.next + 1);
  } else if (what < 97) {
    ++client.epoch;
    request.first_sequence = random.percent(70) ? 0 : 1 + random.below(4);
    client.next = request.first_sequence + records;
    client.sent.clear();
  } else if (client.epoch > 0) {
    --client.epoch;
    client.sent.clear();
  }
  request.epoch = client.epoch;
  request.records.assign(records, "r");
  client.sent.push_back({request.first_sequence, records});
  return request;
}

}  // namespace

int print_broker_script(std::uint64_t seed) {
  constexpr int kRequests = 150;
  Random random(seed);
  ModelClock clock;
  Verdict verdict;
  ModelKafkaOptions options;
  options.visible_us = options.ready_us = 0;
  ModelKafka kafka(options, clock, verdict, seed);
  kafka.create("t", 1);
  std::map<std::uint64_t, Client> clients;
  for (int i = 0; i < kRequests; ++i) {
    const std::uint64_t producer = 1 + random.below(4);
    const ProduceRequest request = draw(random, producer, clients[producer]);
    const ProduceReply reply = kafka.produce(request);
    std::printf("%llu %d %llu %zu\t%s %lld\n", static_cast<unsigned long long>(producer), request.epoch,
                static_cast<unsigned long long>(request.first_sequence), request.records.size(),
                rd_kafka_err2name(reply.error), static_cast<long long>(reply.offset));
  }
  return verdict.failed() ? 1 : 0;
}

}  // namespace millrace::sim
