// SPDX-License-Identifier: Apache-2.0
// Input: how many rotated files, their contents and the newest one's (counted), then a place. Reading the
// tail gives the whole lines behind the place; cutting a torn line keeps the whole ones; discarding leaves
// exactly what lies before the place.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "input.h"
#include "sink/file/output_files.h"

namespace {

using namespace millrace;
using fuzz::require;
namespace fs = std::filesystem;

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
}

/// A folder of this process, emptied; removed at exit.
const std::string& folder() {
  static const struct Folder {
    std::string path = fs::temp_directory_path() / ("millrace-fuzz-tail-" + std::to_string(::getpid()));
    Folder() { fs::create_directories(path); }
    ~Folder() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  } folder;
  for (const auto& entry : fs::directory_iterator(folder.path)) fs::remove(entry.path());
  return folder.path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> input(data, size);
  const std::size_t rotated = fuzz::take_byte(input) % 4;
  std::vector<std::string> files;
  for (std::size_t i = 0; i <= rotated; ++i) files.emplace_back(fuzz::text_of(fuzz::take_counted(input)));
  const std::size_t from = fuzz::take_byte(input) % files.size();
  const std::size_t offset = fuzz::take_byte(input) % (files[from].size() + 1);

  const std::string path = folder() + "/events.jsonl";
  for (std::size_t i = 0; i < rotated; ++i) write(rotated_name(path, i + 1), files[i]);
  write(path, files.back());
  require(*current_sequence(path) == rotated + 1);

  // Only the newest file can end inside a line.
  std::string& newest = files.back();
  const std::string whole = newest.substr(0, newest.rfind('\n') + 1);
  const bool cut = from != rotated || offset <= whole.size();
  if (cut) {
    require(*cut_torn_line(path) == whole.size());
    require(read(path) == whole);
    newest = whole;
  }

  std::string behind = files[from].substr(offset);
  for (std::size_t i = from + 1; i < files.size(); ++i) behind += files[i];
  OutputTail tail;
  tail.start(path, {from + 1, offset});
  while (behind.find('\n') != std::string::npos) {
    const std::string expected = behind.substr(0, behind.find('\n') + 1);
    const auto line = tail.next_line();
    require(line.ok() && line->has_value() && **line == expected);
    behind.erase(0, expected.size());
  }
  const auto end = tail.next_line();
  require(end.ok() && !end->has_value());

  require(discard_behind(path, {from + 1, offset}).ok());
  require(*current_sequence(path) == from + 1);
  require(read(path) == files[from].substr(0, offset));
  for (std::size_t i = 0; i < from; ++i) require(read(rotated_name(path, i + 1)) == files[i]);
  return 0;
}
