"""User instructions by valgrind's callgrind: exact, and the same no matter what else the machine does.

Each figure is the difference of two runs with different numbers of requests, divided by the difference of the numbers:
what starting and stopping cost cancels out, in the total and in each function.
"""

import collections
import dataclasses
import pathlib
import re

import client
import proxies
from processes import need, output, running, wait_until_open

# A cost line is a position (absolute, relative, or `*` for the same one) and a cost.
COST = re.compile(r"[+\-*\d]\S* (\d+)")
NAMED = re.compile(r"\((\d+)\)(?: (.*))?")
HASHED = re.compile(r"17h([0-9a-f]{16})E")


@dataclasses.dataclass
class Counts:
    """Instructions, or instructions a request."""

    total: float = 0
    own: collections.Counter = dataclasses.field(default_factory=collections.Counter)  # of (function, source file)
    under: collections.Counter = dataclasses.field(default_factory=collections.Counter)  # of a function with callees
    calls: collections.Counter = dataclasses.field(default_factory=collections.Counter)  # of a function
    edges: collections.Counter = dataclasses.field(default_factory=collections.Counter)  # calls of (caller, callee)

    def per_request(self, fewer, requests):
        """The difference to a run with so many requests fewer, for each of them."""
        difference = Counts((self.total - fewer.total) / requests)
        for part in ("own", "under", "calls", "edges"):
            mine, theirs = getattr(self, part), getattr(fewer, part)
            values = {key: (mine[key] - theirs[key]) / requests for key in mine}
            setattr(difference, part, collections.Counter(values))
        return difference


def run(scenario, proxy, requests, options=(), read=None):
    """Runs a proxy under callgrind, makes so many requests, and reads what it counted. The origin must be there."""
    with proxies.workplace(proxy.name) as directory:
        valgrind = [
            need("valgrind", "valgrind"),
            "--tool=callgrind",
            "--callgrind-out-file=callgrind.out",
            "--compress-pos=no",
            "--demangle=no",  # names that differ only in their types stay apart
            *options,
        ]
        proxies.must_be_free(proxies.PORTS)
        with running([*valgrind, *proxy.argv(directory, one_process=True)], directory) as process:
            wait_until_open(scenario.port, process, directory)
            client.check(scenario)
            client.count(scenario, requests)
        counted = pathlib.Path(directory, "callgrind.out")
        if not counted.exists():
            raise RuntimeError(f"{proxy.name} under valgrind ended with {process.returncode}:\n{output(directory)}")
        with open(counted) as file:
            return (read or parse)(file)


def per_request(scenario, proxy):
    """Counts a request."""
    few, many = scenario.counted
    fewer = run(scenario, proxy, few)
    return run(scenario, proxy, many).per_request(fewer, many - few)


def parse(lines):
    """Reads callgrind's file: https://valgrind.org/docs/manual/cl-format.html."""
    counts, names = Counts(), {}
    function = file = callee = None
    calling = 0
    for line in lines:
        line = line.rstrip("\n")
        key, equals, value = line.partition("=")
        if calling and COST.match(line):
            cost = int(line.rpartition(" ")[2])
            counts.under[function] += cost if callee != function else 0
            counts.calls[callee] += calling
            counts.edges[function, callee] += calling
            calling = 0
        elif COST.fullmatch(line):
            cost = int(line.rpartition(" ")[2])
            counts.own[function, file] += cost
            counts.under[function] += cost
            counts.total += cost
        elif equals and key in ("fn", "cfn"):
            name = readable(expanded(value, names, "fn"))
            function, callee = (name, callee) if key == "fn" else (function, name)
        elif equals and key in ("fl", "fi", "fe"):
            file = expanded(value, names, "fl")
        elif equals and key in ("cfi", "cfl"):
            expanded(value, names, "fl")
        elif equals and key == "calls":
            calling = int(value.split()[0])
    return counts


def expanded(value, names, kind):
    """A name is written out once; afterwards only its number stands in the file."""
    number, name = NAMED.fullmatch(value).groups()
    if name is not None:
        names[kind, number] = name
    return names[kind, number]


def readable(name):
    """A function's name without mangling; what is left of the hash tells instances of generics apart."""
    mangled, _, cycle = name.partition("'")
    if not mangled.startswith("_ZN"):
        return name
    parts, rest = [], mangled[3:]
    while match := re.match(r"\d+", rest):
        end = match.end() + int(match[0])
        parts.append(rest[match.end() : end])
        rest = rest[end:]
    if parts and re.fullmatch(r"h[0-9a-f]{16}", parts[-1]):
        parts[-1] = f"[{parts[-1][1:5]}]"
    text = "::".join(parts).replace("::[", " [").replace("..", "::")
    for code, sign in (("$LT$", "<"), ("$GT$", ">"), ("$RF$", "&"), ("$BP$", "*"), ("$C$", ","), ("$u20$", " ")):
        text = text.replace(code, sign)
    text = re.sub(r"\$u([0-9a-f]{2})\$", lambda m: chr(int(m[1], 16)), text)
    return text.removeprefix("_") + (f"'{cycle}" if cycle else "")
