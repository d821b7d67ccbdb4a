#!/usr/bin/env python3
"""Where Propylon's user instructions go, by callgrind: a request's share of each crate, task and function."""

import argparse
import collections
import os
import re
import sys

import callgrind
import proxies
import scenarios
from processes import alone, need

WIDTH = 110  # of a function's name

# Where a source file belongs, by its path. The standard library's lines are mostly inlined: they count for the crate whose
# function they stand in.
PLACES = (
    (re.compile(r"/mimalloc/"), "mimalloc"),
    (re.compile(r"/registry/src/[^/]+/(.+?)-\d+\.\d+[^/]*/"), None),
    (re.compile(r"/rust/deps/(.+?)-\d+\.\d+[^/]*/"), None),
    (re.compile(r"(?:^|/)crates/([^/]+)/src/"), "propylon-"),
    (re.compile(r"(?:^|/)bins/propylon/src/"), "propylon"),
    (re.compile(r"sysdeps/|/nptl/|^\./|/libc"), "libc"),
)
STANDARD = re.compile(r"/rustc/[0-9a-f]+/library/|/rust/deps/(compiler_builtins|stdarch)")
CLIENT = "propylon_gateway::client::"  # what a task that serves a client runs
FUNCTION = re.compile(r"(?:_?<(?:impl |dyn |&|mut |\*)*)?([a-z_][a-z0-9_]*)(?:::|$)")


def crate(function, file):
    """The crate that a line's instructions are counted for."""
    if not STANDARD.search(file):
        for pattern, place in PLACES:
            if match := pattern.search(file):
                if place and pattern.groups:
                    return place + match[1]
                return place or match[1]
    match = FUNCTION.match(function)
    name = match[1] if match else "?"
    if name in ("core", "alloc", "std", "hashbrown") or function.startswith("_R"):
        return "std"
    return name.replace("propylon_", "propylon-").replace("_", "-")


def part(crate_name):
    """Which part of the gateway a crate belongs to: the first column of the table."""
    if crate_name.startswith("propylon"):
        return "Propylon"
    if crate_name in ("mimalloc", "libc", "memcpy and the like"):
        return "memory and libc"
    if crate_name in ("tokio", "mio", "tokio-util"):
        return "runtime"
    return "libraries"


def by_crate(counts, share=None):
    """Own instructions of each crate, or of a task's `share` of each function."""
    total = collections.Counter()
    for (function, file), cost in counts.own.items():
        name = "memcpy and the like" if function.startswith(("__mem", "__str")) else crate(function, file)
        total[name] += cost if share is None else cost * share.get(function, 0)
    return total


def shares(counts, root):
    """How much of each function is run by the task `root`: split as its callers are, by the number of calls."""
    callers_of = collections.defaultdict(list)
    for (caller, callee), calls in counts.edges.items():
        if calls > 0:
            callers_of[callee].append((caller, calls))
    share = {root: 1.0}
    for _ in range(60):  # deeper than any stack between two tasks; recursion converges
        for callee, found in callers_of.items():
            if callee != root:
                share[callee] = sum(share.get(c, 0) * n for c, n in found) / sum(n for _, n in found)
    return share


def by_task(counts, tasks, least=100):
    """Each crate's instructions in the tasks of client and upstream connections, as markdown."""
    clients = [task for task in tasks if any(c == task and CLIENT in callee for c, callee in counts.edges)]
    busy = [task for task, cost in tasks.items() if cost > counts.total / 50]
    columns = [("clients' connections", [t for t in busy if t in clients])]
    columns.append(("upstreams' connections", [t for t in busy if t not in clients]))
    found = [sum((by_crate(counts, shares(counts, t)) for t in chosen), collections.Counter()) for _, chosen in columns]
    lines = ["### By crate and task (own lines, also where they are inlined)", ""]
    lines += [f"| crate | {' | '.join(name for name, _ in columns)} | elsewhere | all | % |", "|---|--:|--:|--:|--:|--:|"]
    for name, cost in by_crate(counts).most_common():
        if cost >= least:
            inside = [column[name] for column in found]
            cells = [*inside, max(0, cost - sum(inside)), cost]
            lines.append(f"| {name} | {' | '.join(f'{c:,.0f}' for c in cells)} | {cost / counts.total:.1%} |")
    return [*lines, ""]


def by_function(counts):
    """Own instructions of each function."""
    total = collections.Counter()
    for (function, _), cost in counts.own.items():
        total[function] += cost
    return total


def rows(title, table, total, calls=None, most=30):
    """One table as markdown."""
    lines = [f"### {title}", "", "| instructions | % |" + (" calls |" if calls else "") + " |"]
    lines.append("|--:|--:|" + ("--:|" if calls else "") + "---|")
    for name, cost in table.most_common(most):
        count = f" {calls[name]:.2f} |" if calls else ""
        shown = name if len(name) <= WIDTH else f"{name[: WIDTH - 8]}…{name[-7:]}"
        lines.append(f"| {cost:,.0f} | {cost / total:.1%} |{count} `{shown}` |")
    return [*lines, ""]


def callers(counts, callee, most=20):
    """Who calls a function, and how often a request."""
    found = collections.Counter()
    for (caller, called), count in counts.edges.items():
        if called == callee and count >= 0.05:
            found[caller] += count
    lines = [f"### Calls of `{callee}`: {sum(found.values()):.1f} a request", "", "| calls | by |", "|--:|---|"]
    return lines + [f"| {count:.2f} | `{caller[:WIDTH]}` |" for caller, count in found.most_common(most)] + [""]


def report(counts, options):
    """All tables."""
    total = counts.total
    crates = by_crate(counts)
    parts = collections.Counter()
    for name, cost in crates.items():
        parts[part(name)] += cost
    polls = {name for name in counts.under if name.startswith("tokio::runtime::task::raw::poll ")}
    tasks = collections.Counter({name: counts.under[name] for name in polls})
    lines = [f"## `{options.scenario}`: {total:,.0f} user instructions a request", ""]
    lines += rows("By part", parts, total)
    lines += by_task(counts, tasks)
    lines += rows("By task (with all that it calls)", tasks, total, counts.calls, 6)
    lines += rows("By function, own instructions", by_function(counts), total, counts.calls, options.most)
    lines += rows("By function, with all that it calls", counts.under, total, counts.calls, options.most)
    for callee in options.callers.split(","):
        for name in sorted(name for name in counts.calls if name.startswith(callee) and counts.calls[name] > 0.05):
            lines += callers(counts, name)
    return lines


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("scenario", nargs="?", default="plain", choices=scenarios.ALL)
    parser.add_argument("--most", type=int, default=30, help="functions a table")
    parser.add_argument("--callers", default="mi_malloc_aligned,__memcpy", help="functions whose callers are listed")
    parser.add_argument("--binary", default=os.environ.get("PROPYLON_BIN"), help="a propylon, instead of building one")
    return parser.parse_args()


def main():
    """Counts, and prints the profile."""
    options = arguments()
    need("valgrind", "valgrind libc6-dbg")
    proxy = proxies.Propylon(options.binary)
    with alone(), proxies.origin():
        counts = callgrind.per_request(scenarios.ALL[options.scenario], proxy)
    sys.stdout.write("\n".join([*proxies.about([proxy]), "", *report(counts, options)]))


if __name__ == "__main__":
    main()
