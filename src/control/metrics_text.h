// SPDX-License-Identifier: Apache-2.0
// Samples as the text Prometheus scrapes.
// Source: Prometheus docs, Exposition formats, text format 0.0.4.
#pragma once
#include <span>
#include <string>

#include "base/metrics.h"

namespace millrace::control {

inline constexpr char kMetricsContentType[] = "text/plain; version=0.0.4; charset=utf-8";

/// HELP and TYPE once per family, then its series; histograms with cumulative buckets, sum and count.
/// Label values that are not UTF-8 get U+FFFD, since one bad byte would cost the whole scrape.
std::string metrics_text(std::span<const metrics::FamilySamples> families);

/// A value as the format wants it: whole numbers plainly, else the shortest text that reads back; +Inf, -Inf,
/// NaN.
void append_metric_value(std::string& out, double value);

}  // namespace millrace::control
