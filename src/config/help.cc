// SPDX-License-Identifier: Apache-2.0
#include "config/help.h"

#include "base/concat.h"
#include "base/json_text.h"
#include "config/foreign_options.h"
#include "config/kafka_options.h"
#include "config/option.h"
#include "config/scalars.h"
#include "config/suggest.h"

#include <algorithm>
#include <array>
#include <vector>

namespace millrace::config {
namespace {

constexpr std::array kGroups = {Group::kProcess, Group::kPipeline, Group::kConnection, Group::kSlot,
                                Group::kCapture, Group::kMessages, Group::kFaults,     Group::kEngine,
                                Group::kSink,    Group::kKafka,    Group::kCheckpoint};

/// The default as a reader sees it.
std::string shown_default(const Option& option) {
  const std::string text = default_of(option);
  return text.empty() ? "none" : text;
}

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string_view scope_words(const Option& option) {
  return option.scope == Scope::kProcess ? "process" : "each pipeline";
}

constexpr std::string_view kIntroduction = R"(# Configuration

A millrace process reads one file. In YAML it holds the options of the process and a list of pipelines:

```yaml
log.level: info
memory.limit: 512 MiB
data.dir: /var/lib/millrace

pipelines:
  - name: orders
    topic.prefix: shop
    database:
      hostname: db.example.com
      user: millrace
      password: ${file:/etc/millrace/secrets.properties:orders.password}
      dbname: shop
    slot.name: millrace_orders
    publication.autocreate.mode: filtered
    table.include.list: public\.orders, public\.order_items
    sink: file
    file.path: /var/lib/millrace/orders.jsonl
```

- **Names.** `database: {hostname: x}` and `database.hostname: x` say the same. A name that stands twice is an error,
  and so is a name that does not exist: the message has the line and the nearest name that does.
- **One pipeline.** Without a `pipelines` list the file is one pipeline, options of the process included. The JSON of a
  Debezium connector is such a file, bare or as `{"name": ..., "config": {...}}`.
- **Debezium's options** have their names, values and defaults. Those that this version does not act on are accepted
  when they ask for what it does anyway, and refused otherwise: see the last table.
- **Open names**: `kafka.<property>`, `producer.override.<property>` and `topic.creation.<group>.*`; see Kafka below.
- **Lists of names** are regular expressions with commas between them, or a YAML list. Each must match the whole name,
  letter case aside; `\,` is a comma inside an expression.
- **Secrets** come from `${env:NAME}`, `${file:/path}` (the whole file without its last line end) or
  `${file:/path:key}` (a Java property file), anywhere in a value. They are read once, at the start, and never shown.
- **On the command line** `--set key=value` replaces an option of the process or of all pipelines,
  `--set pipeline.<name>.key=value` that of one.
- **Shared settings** can be written once, with YAML anchors: `defaults: &db {...}` is no option, but
  `database: &db {...}` in one pipeline and `database: *db` or `<<: *db` in the next work.
- **Mistakes** are all reported at once, with file and line, before anything is connected. `millrace check FILE` does
  that, and then asks the servers. `millrace docs schema` prints a JSON Schema for editors.

Sizes are written as `512 KiB`, `64 MiB`, `1 GiB` (powers of 1024), `64 MB` (powers of 1000) or bytes; times in
milliseconds. Relative paths begin in the folder the process is started in.
)";

void append_option_rows(std::string& out, Group group) {
  append(out, "\n## ", title_of(group),
         "\n\n| Option | Default | Allowed | What it does |\n|---|---|---|---|\n");
  for (const Option& option : all_options()) {
    if (option.group != group) continue;
    const std::string text = default_of(option);
    append(out, "| `", option.name, "` | ");
    if (option.required) {
      out += "required";
    } else if (!text.empty()) {
      append(out, option.default_text.empty() ? "`" : "", cell(text), option.default_text.empty() ? "`" : "");
    }
    append(out, " | ", cell(allowed_of(option)), " | ", cell(option.help),
           option.shapes_messages ? " \\*" : "", " |\n");
  }
}

void append_foreign_rows(std::string& out) {
  append(
      out,
      "\n## Options of Debezium and Kafka Connect without an effect\n\n"
      "Accepted with the values given here, or with any; other values are refused when the file is read.\n"
      "Names that end in `*` stand for all that begin so.\n\n| Option | Accepted | Why |\n|---|---|---|\n");
  for (const ForeignOption& option : foreign_options()) {
    append(out, "| `", option.name, "` | ");
    if (option.accepted == "*") {
      out += "any value";
    } else {
      std::string words;
      for (std::string_view rest = option.accepted; !rest.empty();) {
        const std::size_t bar = rest.find('|');
        if (bar != 0) append(words, words.empty() ? "`" : ", `", rest.substr(0, bar), "`");
        rest.remove_prefix(bar == std::string_view::npos ? rest.size() : bar + 1);
      }
      out += words.empty() ? "not set" : words;
    }
    append(out, " | ", cell(option.why), " |\n");
  }
}

}  // namespace

std::string options_help() {
  std::string out =
      "Options of a millrace file. `millrace help options NAME` tells all about one.\n"
      "Names and meanings are Debezium's where it has the same.\n";
  for (const Group group : kGroups) {
    append(out, "\n", title_of(group), group == Group::kProcess ? " (beside `pipelines`)" : "", "\n");
    for (const Option& option : all_options()) {
      if (option.group != group) continue;
      append(out, "  ", option.name,
             option.required ? "  (required)\n" : concat("  [", shown_default(option), "]\n"), "      ",
             option.help, "\n");
    }
  }
  return out;
}

std::optional<std::string> option_help(std::string_view name) {
  if (const Option* const option = find_option(name)) {
    return concat(
        option->name, "\n  ", option->help, "\n\n  Allowed:  ", allowed_of(*option),
        "\n  Default:  ", option->required ? std::string("none, it is required") : shown_default(*option),
        "\n  Set for:  ", scope_words(*option), "\n",
        option->later.empty() ? std::string()
                              : concat("  Not supported by this version:  ", option->later, "\n"),
        option->shapes_messages
            ? "  Shapes messages: after a change, records that are sent again may differ.\n"
            : "");
  }
  const std::span<const ForeignOption> foreign = foreign_options();
  const auto found = std::ranges::find(foreign, name, &ForeignOption::name);
  if (found == foreign.end()) return std::nullopt;
  std::string out =
      concat(name, "\n  An option of Debezium or Kafka Connect that this version does not act on.\n");
  if (found->accepted == "*") {
    append(out, "  Any value is accepted: ", found->why, ".\n");
  } else {
    append(out, "  Accepted:  ", found->accepted.empty() ? "not set" : found->accepted, "\n",
           found->why.empty() ? std::string() : concat("  ", found->why, ".\n"));
  }
  return out;
}

std::string_view nearest_option(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Option& option : all_options()) names.push_back(option.name);
  for (const ForeignOption& option : foreign_options()) names.push_back(option.name);
  return nearest(name, names);
}

std::string configuration_markdown() {
  std::string out = "<!-- Generated by `millrace docs configuration`. Edit src/config/. -->\n";
  out += kIntroduction;
  append(out,
         "\nAn asterisk marks options that shape messages. The checkpoint remembers them: after a change, "
         "records\n"
         "that are sent again after a restart need not equal those that were sent before.\n");
  for (const Group group : kGroups) {
    append_option_rows(out, group);
    if (group == Group::kKafka) out += kafka_markdown();
  }
  append_foreign_rows(out);
  return out;
}

namespace {

struct SchemaType {
  const Option& option;
  std::string operator()(const bool*) const { return "\"type\":\"boolean\""; }
  std::string operator()(const int*) const { return number(); }
  std::string operator()(const std::int64_t*) const { return number(); }
  std::string operator()(const std::uint64_t*) const { return "\"type\":[\"integer\",\"string\"]"; }
  std::string operator()(const std::string*) const { return "\"type\":\"string\""; }
  std::string operator()(const Secret*) const { return "\"type\":\"string\""; }
  std::string operator()(const Choice& choice) const {
    std::string out;
    for (const std::string_view word : choice.words) {
      append(out, out.empty() ? "" : ",", json_quoted(word));
      if (word == "true" || word == "false") append(out, ",", word);  // YAML's booleans, written bare
    }
    return concat("\"enum\":[", out, "]");
  }
  template <class List>
  std::string operator()(const List*) const {
    return "\"type\":[\"string\",\"integer\",\"array\"]";
  }

 private:
  std::string number() const {
    if (!option.minus_one.empty()) return "\"type\":[\"integer\",\"string\"]";
    return concat("\"type\":\"integer\",\"minimum\":", option.min, ",\"maximum\":", option.max);
  }
};

std::string schema_of(const Option& option) {
  ProcessConfig process;
  PipelineConfig pipeline;
  return concat(
      "{", std::visit(SchemaType{option}, option.target(process, pipeline)), ",\"description\":",
      json_quoted(concat(option.help, " Default: ", option.required ? "none" : shown_default(option), ".")),
      "}");
}

std::string schema_properties(Scope scope) {
  std::string out;
  for (const Option& option : all_options()) {
    if (option.scope == scope)
      append(out, out.empty() ? "" : ",\n", json_quoted(option.name), ":", schema_of(option));
  }
  return out;
}

}  // namespace

std::string configuration_json_schema() {
  return concat("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\n\"title\":\"millrace\",\n",
                "\"type\":\"object\",\n\"properties\":{\n", schema_properties(Scope::kProcess),
                ",\n\"pipelines\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\n",
                schema_properties(Scope::kPipeline), "}}}}}\n");
}

}  // namespace millrace::config
