// SPDX-License-Identifier: Apache-2.0
// librdkafka's mock broker in a process of its own, so that this process's clocks and allocator see the
// producer alone. It takes batches over a socket, numbers their records and keeps the last few.
#pragma once
#include <string>

namespace millrace {

class MockBroker {
 public:
  /// With one topic of one partition. To be called while there is one thread.
  explicit MockBroker(const char* topic);
  /// The process ends with this one, too.
  ~MockBroker();
  MockBroker(const MockBroker&) = delete;
  MockBroker& operator=(const MockBroker&) = delete;

  /// For bootstrap.servers; empty: it did not start.
  const std::string& address() const noexcept { return address_; }

 private:
  std::string address_;
  int process_ = -1;
  int lifeline_ = -1;  ///< The other end reads until this one is closed.
};

}  // namespace millrace
