"""The programs that are run: nginx and Propylon to be compared, and the origin behind them."""

import contextlib
import datetime
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile

from processes import must_be_free, need, running, wait_until_open
from scenarios import ALL, KIB, MIB

HERE = pathlib.Path(__file__).resolve().parent
WORKSPACE = HERE.parent
ORIGIN_PORT = 18100
PORTS = sorted({scenario.port for scenario in ALL.values()})
NAMES = ("nginx", "propylon")


class Nginx:
    """Debian's nginx."""

    name = "nginx"

    def __init__(self, _binary=None):
        self.binary = need("nginx", "nginx")

    def version(self):
        """`nginx/1.22.1`."""
        said = subprocess.run([self.binary, "-v"], capture_output=True, text=True, check=True).stderr
        return said.split(":")[1].strip()

    def argv(self, directory, config="nginx.conf", one_process=False):
        """The command that runs it in `directory`."""
        shutil.copy(HERE / config, directory)
        alone = " master_process off;" if one_process else ""
        return [self.binary, "-p", f"{directory}/", "-e", "error.log", "-c", config, "-g", f"daemon off;{alone}"]


class Propylon:
    """The binary of this workspace, built with the profile that operators run."""

    name = "propylon"

    def __init__(self, binary=None):
        self.built = not binary
        self.binary = str(pathlib.Path(binary).resolve()) if binary else build()

    def version(self):
        """`propylon 0.1.0 (commit)`; `+` when tracked files differ from the commit. Of a binary that was given: no commit."""
        said = subprocess.run([self.binary, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        if not self.built:
            return said
        git = ["git", "-C", str(WORKSPACE), "describe", "--always", "--dirty=+", "--exclude=*"]
        commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
        return f"{said} ({commit})" if commit else said

    def argv(self, directory, one_process=True):  # noqa: ARG002 it always is one process
        """The command that runs it in `directory`."""
        shutil.copy(HERE / "propylon.toml", directory)
        return [self.binary, "run", "--config", "propylon.toml"]


def build():
    """Builds the release binary, so that never an old one is measured, and tells where it is."""
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "propylon"], cwd=WORKSPACE, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    return str(WORKSPACE / target / "release" / "propylon")


def by_name(name, binary):
    """One of NAMES."""
    return {"nginx": Nginx, "propylon": Propylon}[name](binary)


@contextlib.contextmanager
def workplace(name):
    """A directory that nginx's unprivileged worker may enter too, with the files that are asked for."""
    directory = tempfile.mkdtemp(prefix=f"propylon-bench-{name}-")
    os.chmod(directory, 0o755)
    for name, size in (("100k", 100 * KIB), ("1m", MIB), ("10m", 10 * MIB)):
        pathlib.Path(directory, name).write_bytes(b"x" * size)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def origin(core=None, niceness=0):
    """The origin, an nginx that answers from memory."""
    must_be_free([ORIGIN_PORT, *PORTS])
    with workplace("origin") as directory:
        argv = Nginx().argv(directory, "origin.conf")
        config = pathlib.Path(directory, "origin.conf")
        config.write_text(config.read_text().replace("@1KIB@", "x" * KIB))
        with running(argv, directory, core, niceness) as process:
            wait_until_open(ORIGIN_PORT, process, directory)
            yield process


def about(proxies):
    """Where and when this was measured, and what: lines of markdown."""
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())
    system = pathlib.Path("/etc/os-release").read_text().split('PRETTY_NAME="')[1].split('"')[0]
    return [
        f"- {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores of {model}, "
        f"{system}, Linux {platform.release()}",
        f"- {', '.join(proxy.version() for proxy in proxies)}",
    ]
