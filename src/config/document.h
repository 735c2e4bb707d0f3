// SPDX-License-Identifier: Apache-2.0
// A YAML or JSON file as a small tree with line numbers.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace millrace::config {

inline constexpr std::size_t kFileBytesMax = 1U << 20;
inline constexpr std::size_t kDepthMax = 32;
inline constexpr std::size_t kNodesMax = 20'000;        // aliases count as what they stand for
inline constexpr std::size_t kTextBytesMax = 4U << 20;  // likewise

struct Node {
  enum class Kind : unsigned char { kNull, kScalar, kList, kMap };
  struct Member;

  Kind kind = Kind::kNull;
  int line = 0;                 // from 1
  std::string text{};           // of a scalar
  std::vector<Node> items{};    // of a list
  std::vector<Member> members;  // of a map, in the order of the file
};

struct Node::Member {
  std::string key;
  int line = 0;
  Node value;
};

/// What keeps a text from being read, and where; line 0 is the whole file.
struct DocumentError {
  int line = 0;
  std::string what;
};

/// Reads one YAML document (JSON is YAML). Aliases are expanded; `<<: *anchor` brings in the keys of a map
/// that the map itself does not have. Refused: more than the limits above, text that is not UTF-8, control
/// characters, a second document, keys that are no scalars. Throws nothing.
std::variant<Node, DocumentError> read_document(std::string_view text);

}  // namespace millrace::config
