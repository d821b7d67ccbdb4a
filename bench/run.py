#!/usr/bin/env python3
"""nginx and Propylon side by side, end to end: CPU time a request is the figure. README.md tells what to trust."""

import argparse
import contextlib
import json
import os
import pathlib
import resource
import shlex
import statistics
import subprocess
import sys

import client
import proxies
import scenarios
from processes import alone, busy, cpu, cpu_of_threads, need, onto, rss, running, tree, wait_until_open


def wrk(scenario, seconds, options):
    """Loads a proxy; what wrk counted, and the CPU seconds that it took itself."""
    argv = [need("wrk", "wrk"), "-t1", f"-c{scenario.clients}", f"-d{seconds}s", "--timeout", "10s"]
    argv += ["-s", str(proxies.HERE / "wrk.lua")]
    argv += ["-H", "Connection: close"] if scenario.close else []
    before = os.times()
    done = subprocess.run(
        [*argv, f"http://127.0.0.1:{scenario.port}{scenario.path}"],
        capture_output=True,
        text=True,
        timeout=seconds + 30,
        start_new_session=True,
        preexec_fn=onto(options.client_core, options.nice),
        check=False,
    )
    after = os.times()
    if "JSON" not in done.stdout:
        raise RuntimeError(f"wrk failed: {done.stdout}{done.stderr}")
    own = after.children_user + after.children_system - before.children_user - before.children_system
    return json.loads(done.stdout.rpartition("JSON")[2]), own


def measure(scenario, proxy, origin, options):
    """One run: a fresh proxy, one request that is checked, a warm-up, the load, the account."""
    with proxies.workplace(proxy.name) as directory:
        proxies.must_be_free(proxies.PORTS)
        argv = proxy.argv(directory)
        with running(argv, directory, options.proxy_core, options.nice) as process:
            wait_until_open(scenario.port, process, directory)
            client.check(scenario)
            wrk(scenario, 1, options)
            mine, theirs = tree(process.pid), tree(origin.pid)
            before = cpu(mine), sum(cpu(theirs)), busy(), cpu_of_threads(mine)
            load, own = wrk(scenario, options.seconds, options)
            after = cpu(mine), sum(cpu(theirs)), busy(), cpu_of_threads(mine)
            memory = rss(mine)
    user, system = (b - a for a, b in zip(before[0], after[0]))
    wall, requests = load["seconds"], max(load["requests"], 1)
    others = after[2] - before[2] - (user + system) - (after[1] - before[1]) - own
    threads = {}
    for (tid, name), seconds in after[3].items():
        threads[name] = threads.get(name, 0) + (seconds - before[3].get((tid, name), 0)) / requests * 1e6
    return {
        "cpu": (user + system) / requests * 1e6,
        "user": user / requests * 1e6,
        "system": system / requests * 1e6,
        "rate": load["requests"] / wall,
        "p50": load["p50"],
        "p99": load["p99"],
        "rss": memory,
        "busy": (user + system) / wall,
        "others": max(0.0, others / wall),
        "errors": load["errors"],
        "requests": load["requests"],
        "threads": threads,
    }


def quietest(scenario, proxy, origin, options):
    """Measures again when other programs took much CPU meanwhile; the quietest of three counts."""
    best = None
    for _ in range(3):
        run = measure(scenario, proxy, origin, options)
        if best is None or run["others"] < best["others"]:
            best = run
        if best["others"] <= options.max_others:
            break
    return best


def rounds(chosen, compared, options):
    """All runs: {scenario: {proxy: [run of round 1, …]}}; who goes first changes with the round."""
    runs = {scenario.name: {proxy.name: [] for proxy in compared} for scenario in chosen}
    with proxies.origin(options.client_core, options.nice) as origin:
        for number in range(options.rounds):
            for scenario in chosen:
                for proxy in compared if number % 2 == 0 else compared[::-1]:
                    run = quietest(scenario, proxy, origin, options)
                    runs[scenario.name][proxy.name].append(run)
                    print(
                        f"round {number + 1}, {scenario.name}, {proxy.name}: {run['cpu']:.2f} µs, {run['rate']:.0f}/s, "
                        f"proxy {run['busy']:.0%}, others {run['others']:.0%}, {run['errors']} errors",
                        file=sys.stderr,
                    )
    return runs


COLUMNS = (  # heading, key, how it is written
    ("user", "user", lambda v: f"{v:.1f}"),
    ("kernel", "system", lambda v: f"{v:.1f}"),
    ("requests/s", "rate", lambda v: f"{v:,.0f}"),
    ("p50 µs", "p50", lambda v: f"{v:,.0f}"),
    ("p99 µs", "p99", lambda v: f"{v:,.0f}"),
    ("RSS MiB", "rss", lambda v: f"{v / scenarios.MIB:.1f}"),
    ("proxy busy", "busy", lambda v: f"{v:.0%}"),
    ("others", "others", lambda v: f"{v:.0%}"),
)


def table(runs):
    """The medians as markdown; the ratio is the median of the rounds' ratios."""
    lines = [
        "| scenario | proxy | CPU µs/request | × nginx | " + " | ".join(c[0] for c in COLUMNS) + " | errors |",
        "|---|---|--:|--:|" + "--:|" * (len(COLUMNS) + 1),
    ]
    for name, by_proxy in runs.items():
        for proxy, measured in by_proxy.items():
            pairs = zip(measured, by_proxy.get("nginx", []))
            ratios = [run["cpu"] / base["cpu"] for run, base in pairs]
            cells = [name, proxy, f"**{statistics.median(run['cpu'] for run in measured):.1f}**"]
            cells.append(f"**{statistics.median(ratios):.2f}**" if ratios else "")
            cells += [write(statistics.median(run[key] for run in measured)) for _, key, write in COLUMNS]
            cells.append(str(sum(run["errors"] for run in measured)))
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def report(chosen, compared, runs, options):
    """The whole report, ready for RESULTS.md."""
    lines = [
        f"`bench/run.py {shlex.join(sys.argv[1:])}`".replace(" `", "`"),
        "",
        *proxies.about(compared),
        f"- medians of {options.rounds} rounds of {options.seconds} s; proxy (one worker) on core {options.proxy_core}, "
        f"origin and wrk on core {options.client_core}",
        "",
        *table(runs),
        "",
        *(f"- `{scenario.name}`: {scenario.title}" for scenario in chosen),
    ]
    return "\n".join(lines)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--scenarios", default=",".join(scenarios.ALL), help="which, with commas between")
    parser.add_argument("--proxies", default=",".join(proxies.NAMES), help="which, with commas between")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="length of one measured run")
    parser.add_argument("--binary", default=os.environ.get("PROPYLON_BIN"), help="a propylon, instead of building one")
    parser.add_argument("--proxy-core", type=int, default=0)
    parser.add_argument("--client-core", type=int, default=1)
    parser.add_argument("--nice", type=int, default=-20, help="priority of all that is measured; needs root")
    parser.add_argument("--max-others", type=float, default=0.1, help="cores that others may take before a run is repeated")
    parser.add_argument("--json", help="write every run here")
    return parser.parse_args()


def main():
    """Measures, and prints the report."""
    options = arguments()
    chosen = scenarios.chosen(options.scenarios)
    compared = [proxies.by_name(name, options.binary) for name in options.proxies.split(",")]
    need("wrk", "wrk")
    with contextlib.suppress(ValueError):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    with alone():
        runs = rounds(chosen, compared, options)
    text = report(chosen, compared, runs, options)
    if options.json:
        saved = {"about": text.splitlines(), "runs": runs}
        pathlib.Path(options.json).write_text(json.dumps(saved, indent=1, ensure_ascii=False) + "\n")
    print(text)
    if any(run["errors"] for by_proxy in runs.values() for measured in by_proxy.values() for run in measured):
        sys.exit("some requests failed: these are no results")


if __name__ == "__main__":
    main()
