// SPDX-License-Identifier: Apache-2.0
// Whole sessions: written by hand here, recorded from real servers in tests/data/<server version>/.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <string>
#include <vector>

#include "reference/postgres_reference.h"
#include "support/hex.h"
#include "support/postgres_wire.h"

namespace millrace::postgres {
namespace {

namespace ref = millrace::reference::postgres;

constexpr std::uint32_t kBodyMax = 16u << 20;

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

struct Recording {
  std::string name;
  std::filesystem::path file;
};

void PrintTo(const Recording& recording, std::ostream* out) { *out << recording.name; }

// <scenario>.session: all the server sent from CopyBothResponse on. In "parallel" ones StreamAbort carries
// its LSN.
std::vector<Recording> recordings() {
  std::vector<Recording> found;
  for (const auto& server : std::filesystem::directory_iterator(MILLRACE_SOURCE_DIR "/tests/data")) {
    if (!server.is_directory()) continue;
    for (const auto& entry : std::filesystem::directory_iterator(server.path())) {
      if (entry.path().extension() != ".session") continue;
      std::string name = server.path().filename().string() + "_" + entry.path().stem().string();
      std::replace_if(name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
      found.push_back({name, entry.path()});
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return found;
}

class PostgresRecording : public testing::TestWithParam<Recording> {
 protected:
  void SetUp() override {
    std::ifstream in(GetParam().file, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(in), {});
    parallel_ = GetParam().name.find("parallel") != std::string::npos;
    expected_ = ref::decode_session(bytes_, parallel_, kBodyMax);
  }
  std::string bytes_;
  bool parallel_ = false;
  ref::Session expected_;
};

TEST_P(PostgresRecording, IsUnderstoodToTheLastByte) {
  ASSERT_FALSE(bytes_.empty());
  EXPECT_FALSE(expected_.rejected);
  EXPECT_EQ(expected_.unread, 0u);
  const ref::Session session = test::decode_session(bytes_of(bytes_), {}, parallel_, kBodyMax);
  EXPECT_EQ(ref::to_string(session), ref::to_string(expected_));
}

TEST_P(PostgresRecording, DoesNotDependOnHowBytesArrive) {
  const std::vector<std::vector<std::uint8_t>> ways = {{1}, {2, 7}, {255}, {4, 1, 60, 3}};
  for (const auto& slices : ways) {
    EXPECT_EQ(test::decode_session(bytes_of(bytes_), slices, parallel_, kBodyMax), expected_);
  }
}

TEST_P(PostgresRecording, EncodesBackToTheSameMessages) {
  ref::Context context;
  context.abort_with_lsn = parallel_;
  for (const ref::Frame& frame : expected_.frames) {
    if (!frame.message) continue;
    const std::string body = ref::encode_message(*frame.message, context);
    EXPECT_EQ(ref::decode_message(body, context), frame.message);
    EXPECT_NE(bytes_.find(body), std::string::npos);
    ref::remember(*frame.message, context);
  }
}

INSTANTIATE_TEST_SUITE_P(Data, PostgresRecording, testing::ValuesIn(recordings()),
                         [](const auto& row) { return row.param.name; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PostgresRecording);

std::string frame(char type, const std::string& body) {
  std::string bytes(1, type);
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((body.size() + 4) >> shift);
  return bytes + body;
}

std::string xlog_data(const char* message_hex) {
  std::string header("w" + std::string(24, '\0'));
  header[8] = 1;  // wal_start 0/1
  return frame('d', header + text_of(test::from_hex(message_hex)));
}

TEST(PostgresSession, StreamBlocksSwitchTheXidOnAndOff) {
  const std::string bytes = frame('W', std::string(3, '\0')) + xlog_data("53 000002ee 01") +
                            xlog_data("52 000002ee 00004001 'p' 00 't' 00 64 0000") +
                            xlog_data("49 000002ee 00004001 4e 0000") + xlog_data("45") +
                            xlog_data("49 00004001 4e 0000");
  const ref::Session session = test::decode_session(bytes_of(bytes), {}, false, kBodyMax);
  EXPECT_EQ(ref::to_string(session),
            "W\n"
            "d w 1 0 0 | S xid=750 flags=1\n"
            "d w 1 0 0 | R stream_xid=750 oid=16385 p.t identity=d\n"
            "d w 1 0 0 | I stream_xid=750 oid=16385\n"
            "d w 1 0 0 | E\n"
            "d w 1 0 0 | I oid=16385\n"
            "unread 0\n");
  EXPECT_EQ(session, ref::decode_session(bytes, false, kBodyMax));
}

// Both decoders stop at the same place, with what came before it intact.
TEST(PostgresSession, EndsAtTheFirstBadMessage) {
  const std::string good = frame('W', std::string(3, '\0')) + xlog_data("53 000002ee 01");
  for (const std::string& bad : {xlog_data("49 000002ee 00004001 4e 0000"),        // relation never announced
                                 xlog_data("42 00"), xlog_data("53 000002ee 01"),  // not in a stream block
                                 frame('d', ""), frame('d', "x"), frame('Z', "I"), frame('D', ""),
                                 frame('c', "x"), frame('E', "Mtext"), frame('S', "name"),
                                 frame('d', std::string(kBodyMax + 1, 'w')), std::string("\0", 1)}) {
    const ref::Session session = test::decode_session(bytes_of(good + bad), {}, false, kBodyMax);
    EXPECT_TRUE(session.rejected);
    EXPECT_EQ(session.frames.size(), 2u);
    EXPECT_EQ(session, ref::decode_session(good + bad, false, kBodyMax));
  }
}

}  // namespace
}  // namespace millrace::postgres
