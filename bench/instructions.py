#!/usr/bin/env python3
"""User instructions a request, counted by callgrind and compared with budget.toml: fails above it. Takes a minute."""

import argparse
import json
import os
import pathlib
import sys
import tomllib

import callgrind
import proxies
import scenarios
from processes import alone, need

# What a Rust program asks mimalloc for memory with, and what it gives it back with.
ALLOCATIONS = ("mi_malloc_aligned", "mi_malloc", "mi_zalloc_aligned", "mi_realloc_aligned")


def counted(scenario, proxy):
    """One row of the report."""
    counts = callgrind.per_request(scenario, proxy)
    row = {"instructions": counts.total}
    if proxy.name == "propylon":
        # Asking for more memory than there is in one place calls the next of these: only calls from outside count.
        inside = ("mi_", "_mi_")
        outer = [(c, n) for (c, callee), n in counts.edges.items() if callee in ALLOCATIONS and not c.startswith(inside)]
        row["allocations"] = sum(n for _, n in outer)
    return row


def table(rows, budget):
    """The report as markdown."""
    lines = ["| scenario | proxy | instructions/request | × nginx | allowed | allocations |", "|---|---|--:|--:|--:|--:|"]
    for name, by_proxy in rows.items():
        for proxy, row in by_proxy.items():
            base = by_proxy.get("nginx")
            ours = proxy == "propylon"
            cells = [
                name,
                proxy,
                f"**{row['instructions']:,.0f}**",
                f"{row['instructions'] / base['instructions']:.2f}" if base else "",
                f"{budget[name]['instructions']:,}" if ours and name in budget else "",
                f"{row['allocations']:.1f}" if ours else "",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def above(rows, budget):
    """What is over its budget, and what is so far below that the budget holds nothing any more."""
    for name, by_proxy in rows.items():
        if "propylon" not in by_proxy or name not in budget:
            continue
        is_, allowed = by_proxy["propylon"]["instructions"], budget[name]["instructions"]
        if is_ > allowed:
            yield True, f"{name}: {is_:,.0f} instructions a request, {allowed:,} are allowed"
        elif is_ < 0.85 * allowed:
            yield False, f"{name}: {is_:,.0f} instructions a request; tighten the {allowed:,} in budget.toml"


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--scenarios", default="plain,nolog,headers", help="which, with commas between")
    parser.add_argument("--proxies", default=",".join(proxies.NAMES), help="which; nginx is for reference")
    parser.add_argument("--binary", default=os.environ.get("PROPYLON_BIN"), help="a propylon, instead of building one")
    parser.add_argument("--budget", default=str(proxies.HERE / "budget.toml"))
    parser.add_argument("--json", help="write the counts here")
    return parser.parse_args()


def main():
    """Counts, prints the report, judges."""
    options = arguments()
    need("valgrind", "valgrind libc6-dbg")
    budget = tomllib.loads(pathlib.Path(options.budget).read_text())
    compared = [proxies.by_name(name, options.binary) for name in options.proxies.split(",")]
    rows = {}
    with alone(), proxies.origin():
        for scenario in scenarios.chosen(options.scenarios):
            rows[scenario.name] = {proxy.name: counted(scenario, proxy) for proxy in compared}
    print("\n".join([*proxies.about(compared), "", *table(rows, budget)]))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")
    findings = list(above(rows, budget))
    for _, text in findings:
        print(text, file=sys.stderr)
    if any(over for over, _ in findings):
        sys.exit(1)


if __name__ == "__main__":
    main()
