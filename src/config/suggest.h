// SPDX-License-Identifier: Apache-2.0
// The known word that somebody probably meant.
#pragma once
#include <cstddef>
#include <span>
#include <string_view>

namespace millrace::config {

/// Insertions, deletions, changed characters and swapped neighbours that turn `a` into `b` (optimal string
/// alignment).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The nearest of `known`, or empty when none is near: at most a third of the word may differ. Letter case
/// and the difference between '.', '_' and '-' count little. Cost: |word| * |known| * length.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

}  // namespace millrace::config
