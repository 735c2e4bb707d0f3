// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/mock_broker.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace millrace {

namespace {

[[noreturn]] void serve(int lifeline, const char* topic) {
  char words[256] = "";
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  rd_kafka_conf_set_log_cb(conf, nullptr);
  rd_kafka_t* const owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words, sizeof words);
  rd_kafka_mock_cluster_t* const cluster = owner == nullptr ? nullptr : rd_kafka_mock_cluster_new(owner, 1);
  if (cluster != nullptr && rd_kafka_mock_topic_create(cluster, topic, 1, 1) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* const address = rd_kafka_mock_cluster_bootstraps(cluster);
    [[maybe_unused]] const ssize_t told = ::write(lifeline, address, std::strlen(address));
    char none;
    while (::read(lifeline, &none, 1) > 0) {
    }
  }
  ::_exit(0);  // nothing of the parent's is to be ended here
}

}  // namespace

MockBroker::MockBroker(const char* topic) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return;
  process_ = ::fork();
  if (process_ == 0) {
    ::close(ends[0]);
    serve(ends[1], topic);
  }
  ::close(ends[1]);
  lifeline_ = ends[0];
  char address[256];
  const ssize_t size = ::read(lifeline_, address, sizeof address);
  if (size > 0) address_.assign(address, static_cast<std::size_t>(size));
}

MockBroker::~MockBroker() {
  if (lifeline_ >= 0) ::close(lifeline_);
  if (process_ > 0) ::waitpid(process_, nullptr, 0);
}

}  // namespace millrace
