// SPDX-License-Identifier: Apache-2.0
// Messages come out whole and stay where they are, whatever pieces the bytes arrive in and wherever slabs
// end.
#include "source/postgres/stream/receive_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace millrace::postgres {
namespace {

std::string frame(const std::string& body) {
  std::string out = "d";
  const auto size = static_cast<std::uint32_t>(body.size() + 4);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift);
  return out + body;
}

struct Kept {
  Slab* slab;
  std::string_view body;
};

/// Feeds `bytes` in receives of at most `receive` bytes, keeping up to `keep` messages' slabs; every body is
/// compared when it comes and again when its slab is let go.
void feed_all(SlabPool& slabs, ReceiveBuffer& buffer, const std::string& bytes,
              const std::vector<std::string>& bodies, std::size_t receive, std::size_t keep) {
  std::vector<Kept> kept;
  std::size_t next = 0;
  std::size_t released = 0;
  const auto release_down_to = [&](std::size_t most) {
    while (kept.size() > most) {
      ASSERT_EQ(kept.front().body, bodies[released++]) << "bytes moved under a reader";
      slabs.release(kept.front().slab);
      kept.erase(kept.begin());
    }
  };
  for (std::size_t at = 0;;) {
    BackendMessage message{};
    FrameResult result;
    while ((result = buffer.next(message)) == FrameResult::kMessage) {
      const std::string_view body(reinterpret_cast<const char*>(message.body.data()), message.body.size());
      ASSERT_LT(next, bodies.size());
      ASSERT_EQ(body, bodies[next++]);
      slabs.add_reference(buffer.slab());
      kept.push_back({buffer.slab(), body});
      release_down_to(keep);
    }
    ASSERT_EQ(result, FrameResult::kNeedMore);
    if (at == bytes.size()) break;
    std::span<std::byte> space = buffer.space();
    if (space.empty()) {  // readers hold everything: they let go
      release_down_to(0);
      space = buffer.space();
      ASSERT_FALSE(space.empty());
    }
    const std::size_t n = std::min({space.size(), receive, bytes.size() - at});
    std::memcpy(space.data(), bytes.data() + at, n);
    buffer.received(n);
    at += n;
  }
  EXPECT_EQ(next, bodies.size());
  release_down_to(0);
}

struct Feed {
  std::size_t receive;
  std::size_t keep;
};
class ReceiveBufferFeed : public testing::TestWithParam<Feed> {};
TEST_P(ReceiveBufferFeed, GivesEveryMessageWhole) {
  std::vector<std::string> bodies;
  std::string bytes;
  for (std::size_t i = 0; i < 200; ++i) {
    const std::size_t size = i % 50 == 49 ? 40'000 : i * 37 % 3000;  // some larger than a slab
    bodies.emplace_back(size, static_cast<char>('a' + i % 26));
    bytes += frame(bodies.back());
  }
  SlabPool slabs(16'384, 8 * 16'384);
  {
    ReceiveBuffer buffer(slabs, 1 << 20);
    buffer.reset(FramePhase::kCopyBoth);
    feed_all(slabs, buffer, bytes, bodies, GetParam().receive, GetParam().keep);
  }
  EXPECT_EQ(slabs.used_bytes(), 0U);
}
INSTANTIATE_TEST_SUITE_P(Pieces, ReceiveBufferFeed,
                         testing::Values(Feed{1, 0}, Feed{7, 0}, Feed{7, 5}, Feed{1000, 0}, Feed{1000, 20},
                                         Feed{100'000, 0}, Feed{100'000, 3}, Feed{100'000, 500}),
                         [](const auto& row) {
                           return std::to_string(row.param.receive) + "_keep_" +
                                  std::to_string(row.param.keep);
                         });

TEST(ReceiveBuffer, WithoutSlabsSaysSoAndGoesOnLater) {
  SlabPool slabs(4096, 4096);
  ReceiveBuffer buffer(slabs, 1 << 20);
  buffer.reset(FramePhase::kCopyBoth);
  Slab* const taken = slabs.take();
  EXPECT_TRUE(buffer.space().empty());
  EXPECT_TRUE(buffer.space().empty());
  slabs.release(taken);
  EXPECT_FALSE(buffer.space().empty());
}

TEST(ReceiveBuffer, HeadOfALargeMessageWaitsOutsideTheSlabs) {
  SlabPool slabs(4096, 2 * 4096);
  ReceiveBuffer buffer(slabs, 1 << 20);
  buffer.reset(FramePhase::kCopyBoth);
  const std::string body(100'000, 'x');
  const std::string bytes = frame(body);
  std::memcpy(buffer.space().data(), bytes.data(), 1000);
  buffer.received(1000);
  BackendMessage message{};
  ASSERT_EQ(buffer.next(message), FrameResult::kNeedMore);
  Slab* const other = slabs.take();  // a batch holds one: nothing of this size is granted beside it
  EXPECT_TRUE(buffer.space().empty());
  EXPECT_EQ(slabs.used_bytes(), 4096U) << "the head's slab was let go";
  slabs.release(other);
  for (std::size_t at = 1000; at < bytes.size();) {
    const std::span<std::byte> space = buffer.space();
    ASSERT_FALSE(space.empty());
    const std::size_t n = std::min(space.size(), bytes.size() - at);
    std::memcpy(space.data(), bytes.data() + at, n);
    buffer.received(n);
    at += n;
  }
  ASSERT_EQ(buffer.next(message), FrameResult::kMessage);
  EXPECT_EQ(message.body.size(), body.size());
}

TEST(ReceiveBuffer, ResetForgetsHalfAMessage) {
  SlabPool slabs(4096, 4096);
  ReceiveBuffer buffer(slabs, 1 << 20);
  buffer.reset(FramePhase::kCopyBoth);
  const std::string first = frame("lost").substr(0, 6);
  std::memcpy(buffer.space().data(), first.data(), first.size());
  buffer.received(first.size());
  BackendMessage message{};
  ASSERT_EQ(buffer.next(message), FrameResult::kNeedMore);
  buffer.reset(FramePhase::kCopyBoth);
  EXPECT_EQ(slabs.used_bytes(), 0U);
  const std::string second = frame("found");
  std::memcpy(buffer.space().data(), second.data(), second.size());
  buffer.received(second.size());
  ASSERT_EQ(buffer.next(message), FrameResult::kMessage);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(message.body.data()), message.body.size()), "found");
}

}  // namespace
}  // namespace millrace::postgres
