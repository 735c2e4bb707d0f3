// SPDX-License-Identifier: Apache-2.0
// Scratch files: what was appended comes back, cuts hold, and nothing is left in the folder.
#include "runtime/scratch_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "support/temporary_folder.h"

namespace millrace {
namespace {

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string read(ScratchFile& file, std::uint64_t offset, std::size_t size) {
  std::string out(size, '\0');
  const absl::Status status = file.read(offset, std::as_writable_bytes(std::span(out)));
  return status.ok() ? out : std::string(status.message());
}

TEST(ScratchStore, GivesBackWhatWasAppendedAndCut) {
  const test::TemporaryFolder folder;
  const auto store = make_scratch_folder(folder / "made/on/demand");
  const auto file = store->create();
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->append(bytes("hello ")).ok());
  ASSERT_TRUE((*file)->append(bytes("world")).ok());
  EXPECT_EQ(read(**file, 0, 11), "hello world");
  EXPECT_EQ(read(**file, 3, 4), "lo w");
  ASSERT_TRUE((*file)->truncate(6).ok());
  ASSERT_TRUE((*file)->append(bytes("moon")).ok());
  EXPECT_EQ(read(**file, 0, 10), "hello moon") << "appended behind the cut";
}

TEST(ScratchStore, ReadingBehindTheEndIsOutOfRange) {
  const test::TemporaryFolder folder;
  const auto file = make_scratch_folder(folder / "s")->create();
  ASSERT_TRUE((*file)->append(bytes("abc")).ok());
  std::string out(4, '\0');
  EXPECT_TRUE(absl::IsOutOfRange((*file)->read(0, std::as_writable_bytes(std::span(out)))));
  EXPECT_TRUE(absl::IsOutOfRange((*file)->read(3, std::as_writable_bytes(std::span(out)).first(1))));
  EXPECT_TRUE((*file)->read(3, {}).ok());
}

TEST(ScratchStore, FilesAreApartAndLeaveNothing) {
  const test::TemporaryFolder folder;
  {
    const auto store = make_scratch_folder(folder / "s");
    const auto a = store->create();
    const auto b = store->create();
    ASSERT_TRUE((*a)->append(bytes("aaa")).ok());
    ASSERT_TRUE((*b)->append(bytes("bbb")).ok());
    EXPECT_EQ(read(**a, 0, 3), "aaa");
    EXPECT_EQ(read(**b, 0, 3), "bbb");
    EXPECT_TRUE(std::filesystem::is_empty(folder / "s"))
        << "a file has no name: a crash leaves nothing behind";
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder / "s"));
}

TEST(ScratchStore, LargeFiles) {
  const test::TemporaryFolder folder;
  const auto file = make_scratch_folder(folder / "s")->create();
  std::string block(1 << 20, '\0');
  for (std::size_t i = 0; i < block.size(); ++i) block[i] = static_cast<char>(i * 7 >> 3);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE((*file)->append(bytes(block)).ok());
  EXPECT_TRUE(read(**file, 3 * block.size() - 10, 20) ==
              block.substr(block.size() - 10) + block.substr(0, 10));
}

TEST(ScratchStore, AFolderThatCannotBeMadeIsNamed) {
  const test::TemporaryFolder folder;
  test::write_whole(folder / "file", "");
  const auto file = make_scratch_folder(folder / "file/below")->create();
  ASSERT_FALSE(file.ok());
  EXPECT_NE(std::string(file.status().message()).find("file/below"), std::string::npos);
}

}  // namespace
}  // namespace millrace
