// SPDX-License-Identifier: Apache-2.0
#include "runtime/threads.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace millrace {
namespace {

TEST(Threads, NameIsCutToWhatTheKernelKeeps) {
  std::thread([] {
    set_thread_name("orders/worker-12345");
    char name[16] = {};
    ::prctl(PR_GET_NAME, name);
    EXPECT_STREQ(name, "orders/worker-1");
    set_thread_name("");
    ::prctl(PR_GET_NAME, name);
    EXPECT_STREQ(name, "");
  }).join();
}

TEST(Threads, PinnedThreadRunsWhereItWasPut) {
  const std::vector<int> cores = usable_cores();
  ASSERT_FALSE(cores.empty());
  std::thread([&] {
    const std::vector<int> last{cores.back()};
    ASSERT_TRUE(pin_thread(last).ok());
    EXPECT_EQ(::sched_getcpu(), cores.back());
    EXPECT_EQ(usable_cores(), last);
    EXPECT_TRUE(pin_thread(cores).ok());
  }).join();
  EXPECT_EQ(usable_cores(), cores) << "other threads are left alone";
}

TEST(Threads, PinningToWhatDoesNotExistSaysSo) {
  for (const std::vector<int>& cores :
       {std::vector<int>{}, std::vector<int>{-1}, std::vector<int>{8000}, std::vector<int>{1 << 20}}) {
    EXPECT_FALSE(pin_thread(cores).ok());
  }
  EXPECT_NE(pin_thread(std::vector<int>{8000, 8001}).ToString().find("8000,8001"), std::string::npos);
}

TEST(Threads, CoreListsAreReadAsTheKernelWritesThem) {
  struct Row {
    const char* text;
    std::vector<int> cores;  // empty: refused
  };
  const Row rows[] = {
      {"0", {0}},
      {"0-3", {0, 1, 2, 3}},
      {"8,0-1,10-11", {0, 1, 8, 10, 11}},
      {"1,1,0-1", {0, 1}},
      {"5-5", {5}},
      {"", {}},
      {",", {}},
      {"1,", {}},
      {"-1", {}},
      {"3-1", {}},
      {"1-", {}},
      {"1-2-3", {}},
      {"a", {}},
      {"1 ,2", {}},
      {"99999", {}},
      {"1;2", {}},
      {"99999999999", {}},
  };
  for (const Row& row : rows) {
    const auto cores = parse_core_list(row.text);
    EXPECT_EQ(cores.ok(), !row.cores.empty()) << row.text;
    EXPECT_EQ(cores.value_or(std::vector<int>{}), row.cores) << row.text;
  }
}

TEST(Threads, NumaNodeOfACoreIsTheNameOfALink) {
  char root[] = "/tmp/millrace-sys-XXXXXX";
  ASSERT_NE(::mkdtemp(root), nullptr);
  const std::filesystem::path cpus = std::filesystem::path(root) / "devices/system/cpu";
  std::filesystem::create_directories(cpus / "cpu0/node0");
  std::filesystem::create_directories(cpus / "cpu7/node12");
  std::filesystem::create_directories(cpus / "cpu7/nodes_of_interest");
  std::filesystem::create_directories(cpus / "cpu9/topology");
  EXPECT_EQ(numa_node_of_core(0, root), 0);
  EXPECT_EQ(numa_node_of_core(7, root), 12);
  EXPECT_EQ(numa_node_of_core(9, root), -1);
  EXPECT_EQ(numa_node_of_core(1, root), -1);
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace millrace
