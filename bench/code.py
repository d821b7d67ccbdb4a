#!/usr/bin/env python3
"""What a request costs beside its instructions: code that has to be fetched, locked instructions, cache misses. Minutes."""

import argparse
import collections
import os
import re
import subprocess

import callgrind
import proxies
import scenarios
from processes import alone, need

LINE = 6  # bits of an address within a line of 64 bytes
OFTEN = 0.3  # executions a request from which on an instruction is a part of the usual path

# What is simulated: one core of today's servers. The second cache stands in the place of valgrind's last one.
CACHES = ("--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=1048576,8,64")
SHOWN = {"I1mr": "L1I misses", "D1mr": "L1D misses, read", "D1mw": "L1D misses, written"}

INSTRUCTION = re.compile(r"\s*([0-9a-f]+):\s+(\S+)\s*(.*)")


def executed(lines):
    """How often each instruction was executed: {(object, address): times}, and its function."""
    times, functions = collections.Counter(), {}
    where = function = None
    inclusive = False  # the line after `calls=` is what the callee cost
    for line in lines:
        if line.startswith("ob="):
            where = line[3:].strip()
        elif line.startswith("fn="):
            function = callgrind.readable(line[3:].strip())
        elif line.startswith("calls="):
            inclusive = True
        elif line.startswith("0x"):
            if not inclusive:
                address, cost = line.split()
                key = where, int(address, 16)
                times[key] += int(cost)
                functions[key] = function
            inclusive = False
    return times, functions


def events(lines):
    """The totals of a run: {event: times}."""
    for line in lines:
        key, _, value = line.partition(":")
        if key == "events":
            names = value.split()
        elif key in ("summary", "totals"):
            counts = dict(zip(names, map(int, value.split())))
    return counts


def locked(program):
    """The addresses of a program's instructions that lock: with the prefix, and exchanges with memory, which need none."""
    command = [need("objdump", "binutils"), "-d", "--no-show-raw-insn", "-M", "intel", program]
    found = set()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as objdump:
        for line in objdump.stdout:
            if match := INSTRUCTION.match(line):
                address, name, operands = match.groups()
                if name == "lock" or (name == "xchg" and "[" in operands):
                    found.add(int(address, 16))
    return found


def looked_at(scenario, proxy, shown):
    """The rows of one proxy."""
    few, many = scenario.counted

    def runs(options, read):
        return [callgrind.run(scenario, proxy, requests, options, read) for requests in (few, many)]

    (before, _), (after, functions) = runs(("--dump-instr=yes", "--dump-line=no", "--compress-strings=no"), executed)
    usual = {key: (after[key] - before[key]) / (many - few) for key in after}
    usual = {key: times for key, times in usual.items() if times >= OFTEN}
    programs = {name: locked(name) for name in {name for name, _ in usual} if os.path.isfile(name)}
    locks = {key: times for key, times in usual.items() if key[1] in programs.get(key[0], ())}
    before, after = runs(CACHES, events)
    yield "instructions", sum(usual.values())
    yield "distinct instructions", len(usual)
    yield "lines of code", len({(name, address >> LINE) for name, address in usual})
    yield "locked instructions", sum(locks.values())
    for event, title in SHOWN.items():
        yield title, (after[event] - before[event]) / (many - few)
    for title, weight in (("lines", lines_of(usual, functions)), ("locked", by(locks, functions))):
        for function, number in weight.most_common(shown):
            yield f"{title}: `{function[:90]}`", number


def lines_of(usual, functions):
    """How many lines of code each function has on the usual path."""
    lines = collections.defaultdict(set)
    for name, address in usual:
        lines[functions[name, address]].add((name, address >> LINE))
    return collections.Counter({function: len(found) for function, found in lines.items()})


def by(times, functions):
    """Sums by function."""
    sums = collections.Counter()
    for key, number in times.items():
        sums[functions[key]] += number
    return sums


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--scenarios", default="nolog,headers", help="which, with commas between")
    parser.add_argument("--proxies", default=",".join(proxies.NAMES), help="which; nginx is for reference")
    parser.add_argument("--binary", default=os.environ.get("PROPYLON_BIN"), help="a propylon, instead of building one")
    parser.add_argument("--functions", type=int, default=0, help="how many of the dearest functions to show")
    return parser.parse_args()


def main():
    """Counts and prints."""
    options = arguments()
    need("valgrind", "valgrind libc6-dbg")
    compared = [proxies.by_name(name, options.binary) for name in options.proxies.split(",")]
    print("\n".join([*proxies.about(compared), "", "| scenario | proxy | | a request |", "|---|---|---|--:|"]))
    with alone(), proxies.origin():
        for scenario in scenarios.chosen(options.scenarios):
            for proxy in compared:
                for title, number in looked_at(scenario, proxy, options.functions):
                    print(f"| {scenario.name} | {proxy.name} | {title} | {number:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
