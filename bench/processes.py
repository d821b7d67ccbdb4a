"""Processes: started on one core, accounted for from /proc, and always stopped."""

import contextlib
import ctypes
import fcntl
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def need(program, package):
    """Where a program is; ends with the command that installs it when it is missing."""
    for directory in [*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/usr/local/sbin"]:
        path = pathlib.Path(directory, program)
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    sys.exit(f"{program} is not here; install it:\n    apt-get install -y {package}")


@contextlib.contextmanager
def alone():
    """One benchmark at a time on this machine: two would measure each other. Ends in order when it is told to."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # what was started is stopped then, as on an error
    with open(pathlib.Path(tempfile.gettempdir(), "propylon-bench.lock"), "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def onto(core, niceness):
    """What a child does before it becomes the program: takes its core and its priority, and ends with its parent."""

    def prepare():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if core is not None:
            os.sched_setaffinity(0, {core})
        if niceness:
            with contextlib.suppress(OSError):  # not root: a noisier measurement, no failure
                os.setpriority(os.PRIO_PROCESS, 0, niceness)
                # With autogroups niceness counts only within a session, so the session's group is raised as well.
                pathlib.Path("/proc/self/autogroup").write_text(str(niceness))

    return prepare


@contextlib.contextmanager
def running(argv, directory, core=None, niceness=0):
    """A process in `directory`, with what it prints in `directory/output`; stopped by SIGTERM afterwards."""
    with open(pathlib.Path(directory, "output"), "ab") as output:
        process = subprocess.Popen(
            argv,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=onto(core, niceness),
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process, patience=30):
    """Ends a process; valgrind writes its counts then, which takes its time."""
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def output(directory):
    """What a process of `running` printed last."""
    return pathlib.Path(directory, "output").read_text(errors="replace")[-2000:]


def is_open(port):
    """Whether something accepts connections on this port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def must_be_free(ports):
    """Ends with a message when a port is taken: the wrong process would be measured."""
    taken = [str(port) for port in ports if is_open(port)]
    if taken:
        sys.exit(f"taken: port {', '.join(taken)} of 127.0.0.1; is something left from an earlier run?")


def wait_until_open(port, process, directory, limit=60):
    """Waits until the process listens."""
    end = time.monotonic() + limit
    while not is_open(port):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}:\n{output(directory)}")
        if time.monotonic() > end:
            raise RuntimeError(f"{process.args[0]} does not listen on {port} after {limit} s:\n{output(directory)}")
        time.sleep(0.05)


# ---- from /proc


def fields(path):
    """The fields of a `stat` file after the name, which may hold spaces."""
    return pathlib.Path(path).read_text().rpartition(")")[2].split()


def tree(root):
    """The process and all its descendants."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                children.setdefault(int(fields(entry / "stat")[1]), []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def cpu(pids):
    """Seconds of CPU taken so far, in user space and in the kernel: the sum over all threads, ended ones too."""
    user = system = 0
    for pid in pids:
        stat = fields(f"/proc/{pid}/stat")
        user += int(stat[11])
        system += int(stat[12])
    return user / TICK, system / TICK


def cpu_of_threads(pids):
    """Seconds of CPU taken so far by each living thread: {(tid, name): seconds}."""
    found = {}
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            stat = fields(task / "stat")
            name = (task / "comm").read_text().strip()
            found[int(task.name), name] = (int(stat[11]) + int(stat[12])) / TICK
    return found


def rss(pids):
    """Bytes of memory that are resident; what processes share counts once for each."""
    return sum(int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE for pid in pids)


def busy():
    """Seconds of CPU that all processes of the machine took so far, with interrupts and with what its host took away."""
    user, nice, system, _idle, _wait, *rest = map(int, pathlib.Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + sum(rest)) / TICK
