// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/rdkafka_port.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "base/reason_code.h"
#include "sink/kafka/producer.h"

namespace millrace {

namespace {

constexpr kafka::Timeout kAnswerTimeout{10'000};
constexpr std::uint64_t kOne = 1;  // what librdkafka writes to the eventfd

class RdkafkaPort final : public KafkaPort {
 public:
  RdkafkaPort(KafkaConfig config, std::string pipeline, std::vector<ContextHeader> context_headers,
              Reactor& reactor)
      : config_(std::move(config)),
        pipeline_(std::move(pipeline)),
        headers_(std::move(context_headers)),
        reactor_(reactor),
        wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        woken_(*this) {}
  RdkafkaPort(const RdkafkaPort&) = delete;
  RdkafkaPort& operator=(const RdkafkaPort&) = delete;
  ~RdkafkaPort() override {
    close();
    if (woken_.under_way) reactor_.cancel_and_wait(&woken_);
    if (wake_fd_ >= 0) ::close(wake_fd_);
  }

  absl::StatusOr<ProducerPort*> make_producer(Way way, std::int64_t batch_bytes_max) override {
    if (wake_fd_ < 0) return reason_error(ReasonCode::kInternal, "no eventfd for the Kafka producer");
    absl::StatusOr<std::unique_ptr<Producer>> made =
        Producer::create(config_, pipeline_, way, batch_bytes_max, headers_, wake_fd_);
    if (!made.ok()) return made.status();
    producers_.push_back(*std::move(made));
    if (answers_ == nullptr) {
      answers_.reset(rd_kafka_queue_new(client()));
      rd_kafka_queue_io_event_enable(answers_.get(), wake_fd_, &kOne, sizeof kOne);
    }
    return producers_.back().get();
  }

  absl::StatusOr<kafka::ClusterFacts> describe_cluster(kafka::Timeout timeout) override {
    return kafka::describe_cluster(client(), timeout);
  }
  absl::StatusOr<std::vector<kafka::TopicFacts>> describe_topics(
      std::span<const std::string> names) override {
    return kafka::describe_topics(client(), names, kAnswerTimeout);
  }
  absl::StatusOr<std::vector<kafka::PartitionEnd>> describe_ends(
      std::span<const kafka::PartitionEnd> wanted) override {
    return kafka::describe_ends(client(), wanted, kafka::EndOf::kEverything, kAnswerTimeout);
  }
  void pause(kafka::Timeout time) override { std::this_thread::sleep_for(time); }

  void ask(const TopicBook::Questions& questions) override {
    if (!questions.describe.empty()) {
      kafka::ask_topics(client(), questions.describe, kAnswerTimeout, answers_.get());
    }
    if (!questions.create.empty()) {
      kafka::ask_to_create(client(), questions.create, kAnswerTimeout, answers_.get());
    }
    if (!questions.settings.empty()) {
      kafka::ask_settings(client(), questions.settings, kAnswerTimeout, answers_.get());
    }
  }

  void ask_about(const std::string& topic) override {
    kafka::ask_topics(client(), {&topic, 1}, kAnswerTimeout, answers_.get(), &about_one_);
  }

  std::optional<absl::StatusOr<std::vector<kafka::TopicFacts>>> take_answers(TopicBook& book,
                                                                             std::int64_t now_us) override {
    std::optional<absl::StatusOr<std::vector<kafka::TopicFacts>>> about_one;
    while (answers_ != nullptr) {
      const kafka::EventPtr event(rd_kafka_queue_poll(answers_.get(), 0));
      if (event == nullptr) break;
      switch (rd_kafka_event_type(event.get())) {
        case RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT:
          if (rd_kafka_event_opaque(event.get()) == &about_one_) {
            about_one = kafka::topics_in(event.get());
          } else {
            book.described(kafka::topics_in(event.get()), now_us);
          }
          break;
        case RD_KAFKA_EVENT_CREATETOPICS_RESULT:
          book.created(kafka::created_in(event.get()), now_us);
          break;
        case RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT:
          book.settings(kafka::settings_in(event.get()), now_us);
          break;
        default:
          break;
      }
    }
    return about_one;
  }

  void arm() override {
    if (woken_.under_way || producers_.empty()) return;
    woken_.under_way = true;
    reactor_.poll_fd(wake_fd_, POLLIN, &woken_);
  }

  void close() override {
    if (answers_ != nullptr) rd_kafka_queue_io_event_enable(answers_.get(), -1, nullptr, 0);
    answers_.reset();  // its client's
    producers_.clear();
  }

 private:
  class Woken final : public Completion {
   public:
    explicit Woken(RdkafkaPort& port) : port_(port) {}
    void complete(int result) override {
      under_way = false;
      if (result < 0) return;
      std::uint64_t count;
      [[maybe_unused]] const ssize_t got = ::read(port_.wake_fd_, &count, sizeof count);
      port_.arm();
    }
    bool under_way = false;

   private:
    RdkafkaPort& port_;
  };

  /// The first producer also asks.
  rd_kafka_t* client() const noexcept { return producers_.front()->client(); }

  const KafkaConfig config_;
  const std::string pipeline_;
  RecordHeaders headers_;
  Reactor& reactor_;
  const int wake_fd_;
  Woken woken_;
  std::vector<std::unique_ptr<Producer>> producers_;
  kafka::QueuePtr answers_;
  char about_one_ = 0;  ///< Its address marks the questions of ask_about().
};

}  // namespace

std::unique_ptr<KafkaPort> make_rdkafka_port(KafkaConfig config, std::string pipeline,
                                             std::vector<ContextHeader> context_headers, Reactor& reactor) {
  return std::make_unique<RdkafkaPort>(std::move(config), std::move(pipeline), std::move(context_headers),
                                       reactor);
}

}  // namespace millrace
