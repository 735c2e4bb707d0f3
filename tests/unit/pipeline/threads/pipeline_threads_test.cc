// SPDX-License-Identifier: Apache-2.0
// A whole pipeline on its threads, without a server: it looks for one, is looked at meanwhile, and ends.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/log.h"
#include "base/metrics.h"
#include "base/reason_code.h"
#include "config/parse.h"
#include "pipeline/pipeline.h"
#include "support/temporary_folder.h"

namespace millrace {
namespace {

using namespace std::chrono_literals;

/// A port of this machine that nobody listens on, kept from others.
class DeadPort {
 public:
  DeadPort() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd_, any, size) != 0 || ::getsockname(fd_, any, &size) != 0)
      throw std::runtime_error("no port");
    number_ = ntohs(address.sin_port);
  }
  DeadPort(const DeadPort&) = delete;
  DeadPort& operator=(const DeadPort&) = delete;
  ~DeadPort() { ::close(fd_); }
  std::string text() const { return std::to_string(number_); }

 private:
  int fd_;
  unsigned number_ = 0;
};

class PipelineThreads : public testing::TestWithParam<int> {
 protected:
  PipelineThreads() { configure_log(LogLevel::kOff, LogFormat::kJson); }
  ~PipelineThreads() override { configure_log(LogLevel::kInfo, LogFormat::kAuto); }

  PipelineConfig config_of(const std::string& name, int retries) {
    std::string text = "name: " + name + "\ntopic.prefix: p\nslot.name: " + name +
                       "\nsink: file\nfile.path: " + (folder_ / (name + ".jsonl")) +
                       "\ncheckpoint.file: " + (folder_ / (name + ".checkpoint")) +
                       "\nworkers: " + std::to_string(GetParam()) +
                       "\nerrors.max.retries: " + std::to_string(retries) +
                       "\ndatabase: {hostname: 127.0.0.1, port: " + port_.text() + ", user: u, dbname: d}\n";
    absl::StatusOr<ProcessConfig> parsed = config::parse_config(text, "test", {}, config::Environment{});
    if (!parsed.ok()) throw std::runtime_error(std::string(parsed.status().message()));
    return parsed->pipelines.at(0);
  }

  static constexpr std::uint64_t kMemory = 64 << 20;
  test::TemporaryFolder folder_;
  DeadPort port_;
  metrics::Registry registry_;
};

template <class Condition>
bool holds_soon(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + 30s;
  while (std::chrono::steady_clock::now() < until) {
    if (condition()) return true;
    std::this_thread::sleep_for(1ms);
  }
  return false;
}

TEST_P(PipelineThreads, StopWhileTheServerIsAwayIsOrderly) {
  Pipeline pipeline(config_of("a", -1), kMemory, registry_);
  pipeline.start();
  EXPECT_TRUE(holds_soon([&] { return pipeline.view().reconnects >= 2; }));
  EXPECT_FALSE(pipeline.ended());
  pipeline.request_stop();
  EXPECT_TRUE(pipeline.wait().ok());
  EXPECT_TRUE(pipeline.ended());
  EXPECT_EQ(pipeline.view().phase, SourcePhase::kStopped);
}

TEST_P(PipelineThreads, GivingUpNamesTheReason) {
  Pipeline pipeline(config_of("a", 1), kMemory, registry_);
  pipeline.start();
  EXPECT_EQ(reason_of(pipeline.wait()), ReasonCode::kRetriesExhausted);
  EXPECT_EQ(pipeline.view().phase, SourcePhase::kFailed);
}

TEST_P(PipelineThreads, OneFailsAndTheOtherGoesOn) {
  Pipeline failing(config_of("a", 0), kMemory, registry_);
  Pipeline other(config_of("b", -1), kMemory, registry_);
  failing.start();
  other.start();
  EXPECT_FALSE(failing.wait().ok());
  const std::uint64_t before = other.view().reconnects;
  EXPECT_TRUE(holds_soon([&] { return other.view().reconnects > before; }));
  EXPECT_FALSE(other.ended());
  other.request_stop();
  EXPECT_TRUE(other.wait().ok());
}

TEST_P(PipelineThreads, TwoOfOneNameShareNoCheckpoint) {
  Pipeline first(config_of("a", -1), kMemory, registry_);
  first.start();
  ASSERT_TRUE(holds_soon([&] { return first.view().reconnects >= 1; }));
  Pipeline second(config_of("a", -1), kMemory, registry_);
  second.start();
  EXPECT_EQ(reason_of(second.wait()), ReasonCode::kCheckpointLocked);
  first.request_stop();
  EXPECT_TRUE(first.wait().ok());
}

TEST_P(PipelineThreads, ManyLookAtItWhileItEnds) {
  Pipeline pipeline(config_of("a", -1), kMemory, registry_);
  std::atomic<bool> done{false};
  std::thread looking([&] {
    while (!done) (void)pipeline.view();
  });
  pipeline.start();
  pipeline.request_stop();
  EXPECT_TRUE(pipeline.wait().ok());
  done = true;
  looking.join();
}

INSTANTIATE_TEST_SUITE_P(Workers, PipelineThreads, testing::Values(0, 2),
                         [](const auto& row) { return "of_" + std::to_string(row.param); });

}  // namespace
}  // namespace millrace
