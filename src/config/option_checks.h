// SPDX-License-Identifier: Apache-2.0
// What texts some options take.
#pragma once
#include <string_view>

namespace millrace::config {

bool is_pipeline_name(std::string_view text) noexcept;  // also a file name: neither "." nor ".."
bool is_topic_prefix(std::string_view text) noexcept;
bool is_slot_name(std::string_view text) noexcept;
bool is_identifier(std::string_view text) noexcept;  // PostgreSQL's NAMEDATALEN leaves 63 bytes
bool is_path(std::string_view text) noexcept;        // not empty, no NUL
bool is_placeholder(std::string_view text) noexcept;
bool is_listen_address(std::string_view text) noexcept;
bool is_broker_list(std::string_view text) noexcept;  // librdkafka reads the addresses themselves

/// host:port or [v6]:port cut in two. @return false when `text` is neither.
bool split_listen_address(std::string_view text, std::string_view& host, std::string_view& port) noexcept;

}  // namespace millrace::config
