// SPDX-License-Identifier: Apache-2.0
// latency_probe conninfo bootstrap topic table rate seconds first_id: writes and reads, and prints a line per
// row: id sent_us appended_ms read_us; first a line "late N". Rows of the first second are written and left
// out.
#include "probe.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <thread>

using millrace::latency::Options;

namespace {
std::atomic<bool> reading = false;
}

int main(int argc, char** argv) {
  if (argc != 8) {
    std::fputs("usage: latency_probe conninfo bootstrap topic table rate seconds first_id\n", stderr);
    return 2;
  }
  Options options{
      argv[1], argv[2], argv[3], argv[4], std::atoi(argv[5]), std::atoi(argv[6]), std::atoll(argv[7])};
  try {
    std::size_t late = 0;
    std::exception_ptr failed;
    std::thread writer([&] {
      reading.wait(false);
      try {
        late = millrace::latency::write_rows(options);
      } catch (...) {
        failed = std::current_exception();
      }
    });
    const auto rows = static_cast<std::size_t>(options.rate) * static_cast<std::size_t>(options.seconds);
    const auto samples = millrace::latency::read_rows(options, rows, [] {
      reading = true;
      reading.notify_all();
    });
    writer.join();
    if (failed) std::rethrow_exception(failed);
    if (samples.size() != rows)
      throw std::runtime_error("only " + std::to_string(samples.size()) + " rows came");
    std::printf("late %zu\n", late);
    for (const auto& sample : samples) {
      if (sample.id >= options.first_id + options.rate) {
        std::printf("%lld %lld %lld %lld\n", static_cast<long long>(sample.id),
                    static_cast<long long>(sample.sent_us), static_cast<long long>(sample.appended_ms),
                    static_cast<long long>(sample.read_us));
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "latency_probe: %s\n", error.what());
    std::_Exit(1);
  }
  return 0;
}
