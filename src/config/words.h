// SPDX-License-Identifier: Apache-2.0
// The words of options that are one of a list: what a file says, what libpq and SQL are given.
#pragma once
#include "config/config.h"

#include <array>
#include <span>
#include <string_view>

namespace millrace {

/// In the order of the enumerators. One specialisation per choice.
template <class Enum>
inline constexpr std::array<std::string_view, 0> kWords{};

template <>
inline constexpr std::array kWords<LogLevel> =
    std::to_array<std::string_view>({"debug", "info", "warn", "error", "off"});
template <>
inline constexpr std::array kWords<LogFormat> = std::to_array<std::string_view>({"auto", "json", "text"});
template <>
inline constexpr std::array kWords<Connector> = std::to_array<std::string_view>({"postgresql"});
template <>
inline constexpr std::array kWords<SslMode> =
    std::to_array<std::string_view>({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"});
template <>
inline constexpr std::array kWords<ChannelBinding> =
    std::to_array<std::string_view>({"disable", "prefer", "require"});
template <>
inline constexpr std::array kWords<TargetSessionAttrs> = std::to_array<std::string_view>(
    {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"});
template <>
inline constexpr std::array kWords<PublicationAutocreate> =
    std::to_array<std::string_view>({"all_tables", "filtered", "disabled", "no_tables"});
template <>
inline constexpr std::array kWords<SnapshotMode> =
    std::to_array<std::string_view>({"initial", "initial_only", "no_data"});
template <>
inline constexpr std::array kWords<StreamingMode> =
    std::to_array<std::string_view>({"auto", "off", "on", "parallel"});
template <>
inline constexpr std::array kWords<BinaryMode> = std::to_array<std::string_view>({"auto", "true", "false"});
template <>
inline constexpr std::array kWords<GatherMode> =
    std::to_array<std::string_view>({"adaptive", "off", "always"});
template <>
inline constexpr std::array kWords<IoBackend> =
    std::to_array<std::string_view>({"auto", "io_uring", "plain"});
template <>
inline constexpr std::array kWords<SinkKind> =
    std::to_array<std::string_view>({"stdout", "file", "null", "kafka"});
template <>
inline constexpr std::array kWords<CheckpointStoreKind> = std::to_array<std::string_view>({"file", "kafka"});
template <>
inline constexpr std::array kWords<CheckpointConflict> =
    std::to_array<std::string_view>({"takeover", "stop"});
template <>
inline constexpr std::array kWords<FsyncPolicy> =
    std::to_array<std::string_view>({"never", "interval", "always"});

/// The word for a choice, as a configuration file spells it.
template <class Enum>
constexpr std::string_view word_of(Enum value) noexcept {
  return kWords<Enum>[static_cast<std::size_t>(value)];
}

}  // namespace millrace
