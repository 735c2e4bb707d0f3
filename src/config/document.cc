// SPDX-License-Identifier: Apache-2.0
#include "config/document.h"

#include "base/concat.h"
#include "base/json_text.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <sstream>
#include <unordered_map>
#include <utility>

namespace millrace::config {
namespace {

/// Leaves the parser from inside a callback; caught in read_document.
struct Refused : std::exception {
  explicit Refused(DocumentError why) : error(std::move(why)) {}
  DocumentError error;
};

[[noreturn]] void refuse(int line, std::string what) { throw Refused(DocumentError{line, std::move(what)}); }

int line_of(const YAML::Mark& mark) { return mark.line + 1; }

/// Builds the tree from yaml-cpp's events: its own tree has no limits and keeps the last of two equal keys.
class TreeBuilder : public YAML::EventHandler {
 public:
  Node take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    charge(line_of(mark), 0);
    add(Node{.kind = Node::Kind::kNull, .line = line_of(mark), .members = {}}, anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    charge(line_of(mark), value.size());
    add(Node{.kind = Node::Kind::kScalar, .line = line_of(mark), .text = value, .members = {}}, anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) refuse(line_of(mark), "an alias inside the value it stands for");
    charge_tree(line_of(mark), found->second);
    Node copy = found->second;
    if (copy.kind == Node::Kind::kScalar) copy.line = line_of(mark);
    add(std::move(copy), YAML::NullAnchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor;
    std::optional<std::pair<std::string, int>> key{};  // of a map: read, its value not yet
    std::vector<Node> merged{};                        // values of `<<`
  };

  static void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!" && !tag.starts_with("tag:yaml.org,2002:")) {
      refuse(line_of(mark), "a tag (`!name`) has no meaning here");
    }
  }

  void charge(int line, std::size_t text_bytes) {
    nodes_ += 1;
    text_bytes_ += text_bytes;
    if (nodes_ > kNodesMax) refuse(line, concat("more than ", kNodesMax, " values, aliases expanded"));
    if (text_bytes_ > kTextBytesMax) refuse(line, "too much text, aliases expanded");
  }

  void charge_tree(int line, const Node& node) {
    charge(line, node.text.size());
    for (const Node& item : node.items) charge_tree(line, item);
    for (const Node::Member& member : node.members) {
      charge(line, member.key.size());
      charge_tree(line, member.value);
    }
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    check_tag(mark, tag);
    charge(line_of(mark), 0);
    if (open_.size() >= kDepthMax) refuse(line_of(mark), concat("nested more than ", kDepthMax, " deep"));
    open_.push_back(Open{.node = Node{.kind = kind, .line = line_of(mark), .members = {}}, .anchor = anchor});
  }

  void close() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    for (const Node& source : closed.merged) merge(closed.node, source);
    add(std::move(closed.node), closed.anchor);
  }

  static void merge(Node& map, const Node& source) {
    if (source.kind == Node::Kind::kList) {
      for (const Node& item : source.items) merge(map, item);
      return;
    }
    if (source.kind != Node::Kind::kMap) refuse(source.line, "`<<` takes a map, or a list of maps");
    for (const Node::Member& member : source.members) {
      if (std::ranges::find(map.members, member.key, &Node::Member::key) == map.members.end()) {
        map.members.push_back(member);
      }
    }
  }

  void add(Node node, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) {
      charge_tree(node.line, node);
      anchors_[anchor] = node;
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == Node::Kind::kList) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      if (node.kind != Node::Kind::kScalar) refuse(node.line, "a key that is not a word");
      parent.key.emplace(std::move(node.text), node.line);
    } else if (parent.key->first == "<<") {
      parent.merged.push_back(std::move(node));
      parent.key.reset();
    } else {
      parent.node.members.push_back({std::move(parent.key->first), parent.key->second, std::move(node)});
      parent.key.reset();
    }
  }

  Node root_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, Node> anchors_;
  std::size_t nodes_ = 0;
  std::size_t text_bytes_ = 0;
};

/// What yaml-cpp would pass over in silence: it replaces broken UTF-8, and ends the file at a 0x04.
std::optional<DocumentError> check_characters(std::string_view text) {
  int line = 1;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return DocumentError{line, "not UTF-8"};
    const char c = text.front();
    const bool control = length == 1 && (static_cast<unsigned char>(c) < 0x20 || c == 0x7F);
    if (control && c != '\n' && c != '\r' && c != '\t') {
      return DocumentError{line, concat("control character ", static_cast<int>(c))};
    }
    if (c == '\n') ++line;
    text.remove_prefix(length);
  }
  return std::nullopt;
}

}  // namespace

std::variant<Node, DocumentError> read_document(std::string_view text) {
  if (text.size() > kFileBytesMax)
    return DocumentError{0, concat("larger than ", kFileBytesMax >> 20, " MiB")};
  if (std::optional<DocumentError> error = check_characters(text)) return *std::move(error);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    TreeBuilder builder;
    if (!parser.HandleNextDocument(builder)) return DocumentError{0, "empty"};
    Node root = builder.take_root();
    TreeBuilder second;
    if (parser.HandleNextDocument(second)) return DocumentError{0, "more than one document"};
    return root;
  } catch (const Refused& refused) {
    return refused.error;
  } catch (const YAML::Exception& error) {
    return DocumentError{error.mark.is_null() ? 0 : error.mark.line + 1, error.msg};
  } catch (const std::exception&) {
    return DocumentError{0, "cannot be read as YAML"};
  }
}

}  // namespace millrace::config
