// SPDX-License-Identifier: Apache-2.0
#include "pipeline/feedback.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace millrace {
namespace {

TEST(Feedback, NewestNewsOnce) {
  Feedback feedback;
  EXPECT_FALSE(feedback.take());
  feedback.publish({"1"}, false);
  feedback.publish({"2"}, true);
  const auto news = feedback.take();
  ASSERT_TRUE(news);
  EXPECT_EQ(news->told.text, "2");
  EXPECT_TRUE(news->drained);
  EXPECT_FALSE(feedback.take());
}

TEST(Feedback, PositionsCrossThreadsWholeAndForward) {
  Feedback feedback;
  constexpr int kLast = 20'000;
  std::thread order([&feedback] {
    for (int i = 1; i <= kLast; ++i) feedback.publish({std::string(30, 'x') + std::to_string(i)}, i == kLast);
  });
  int last = 0;
  for (bool drained = false; !drained;) {
    const auto news = feedback.take();
    if (!news) continue;
    ASSERT_EQ(news->told.text.substr(0, 30), std::string(30, 'x'));
    const int now = std::stoi(news->told.text.substr(30));
    ASSERT_GT(now, last);
    last = now;
    drained = news->drained;
  }
  EXPECT_EQ(last, kLast);
  order.join();
}

}  // namespace
}  // namespace millrace
