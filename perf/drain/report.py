# SPDX-License-Identifier: Apache-2.0
"""Medians, ratios and a page with charts."""

import html
import statistics

COLOURS = {"pg_recvlogical": "#8a8f98"}
OURS = "#2a6fb0"


def median(values):
    return statistics.median(values)


def spread(values, form="{:.2f}"):
    """median [min-max]"""
    return f"{form.format(median(values))} [{form.format(min(values))}-{form.format(max(values))}]"


def ratios(runs, name, against):
    """Rows/s of one over the other's, round by round."""
    return [other.seconds / one.seconds for one, other in zip(runs[name], runs[against])]


def table(runs, rows, against):
    lines = ["| | k rows/s | ratio | our CPU us/row | walsender us/row | peak RSS MiB |", "|---|---|---|---|---|---|"]
    for name, figures in runs.items():
        rate = spread([rows / run.seconds / 1000 for run in figures], "{:.0f}")
        ratio = "1" if name == against else f"**{spread(ratios(runs, name, against))}**"
        cpu = spread([run.cpu / rows * 1e6 for run in figures])
        server = spread([run.walsender_cpu / rows * 1e6 for run in figures])
        lines.append(f"| {name} | {rate} | {ratio} | {cpu} | {server} | {max(run.peak_rss_mib for run in figures):.0f} |")
    return lines


def bars(runs, rows, title):
    """An SVG: a bar per contender up to its median, a line over its spread."""
    left, width, step = 190, 420, 30
    top = max(rows / run.seconds for figures in runs.values() for run in figures)
    height = 40 + step * len(runs)
    shapes = [f'<text x="10" y="20" font-weight="bold">{html.escape(title)}, k rows/s</text>']
    for i, (name, figures) in enumerate(runs.items()):
        rates = [rows / run.seconds for run in figures]
        y = 34 + i * step
        x = [left + width * rate / top for rate in (median(rates), min(rates), max(rates))]
        shapes += [
            f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{html.escape(name)}</text>',
            f'<rect x="{left}" y="{y}" width="{x[0] - left:.1f}" height="18" fill="{COLOURS.get(name, OURS)}"/>',
            f'<path d="M{x[1]:.1f} {y + 9}H{x[2]:.1f}M{x[1]:.1f} {y + 5}v8M{x[2]:.1f} {y + 5}v8" stroke="#222" fill="none"/>',
            f'<text x="{x[2] + 6:.1f}" y="{y + 13}">{median(rates) / 1000:.0f}</text>',
        ]
    body = "\n".join(shapes)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 60}" height="{height}" font-family="sans-serif" '
            f'font-size="12"><rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n')
