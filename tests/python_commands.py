"""``python ...`` as a user would type it, without waiting ten seconds for its imports each time."""

from __future__ import annotations

import atexit
import gc
import logging
import multiprocessing
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory
from typing import Any

SECONDS = 600  # a command that takes longer is stuck
# What most commands import of other packages; `common` itself is imported by the command.
PRELOADED = ("monai.bundle", "ignite.handlers", "matplotlib.backends.backend_agg", "mlflow", "pandas", "skops.io")
PRELOADED += ("SimpleITK", "highdicom", "onnxruntime", "radiomics", "sklearn.linear_model", "torch._dynamo")
PRELOADED += ("torch.onnx", "torch.export", "cyclonedx.model.bom", "safetensors.torch", "tests.preloaded")
FIRST_PORT, PORTS = 20_000, 500  # of each worker, below those that the system gives to whoever asks for any
SHARED = "TESTS_FORK_SERVER"  # environment variable with the address of the interpreter that forks for all workers

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(list(PRELOADED))


def share_fork_server() -> None:
    """Start the interpreter that forks, for this process and those that it starts: its imports take ten seconds."""
    server = forkserver._forkserver
    if not hasattr(server, "_forkserver_authkey"):  # of Python 3.14, which lets nobody else connect
        server.ensure_running()
        os.environ[SHARED] = server._forkserver_address


def end_forks() -> None:
    """Kill what workers that were killed have left: it keeps the server, and with it this run's output, open."""
    server = forkserver._forkserver._forkserver_pid
    with suppress(OSError):
        for pid in Path(f"/proc/{server}/task/{server}/children").read_text().split():
            os.kill(int(pid), signal.SIGKILL)


def use_shared_fork_server() -> None:
    """Let commands be forks of the interpreter that another process has started, if one has."""
    server = forkserver._forkserver
    if SHARED in os.environ and server._forkserver_address is None:
        server._forkserver_address = os.environ[SHARED]
        server._forkserver_alive_fd = os.pipe()[1]  # what each fork inherits; the server lives as long as its starter
        server.ensure_running = resource_tracker.ensure_running


class Command:
    """What ``python <arguments>`` does and prints, in a fork of a fresh interpreter that has imported MONAI.

    The interpreter knows nothing of pytest and of earlier commands. Tests of what an import finds and of ``torchrun``
    start an interpreter of their own.

    Args:
        arguments: ``-m module ...``, ``-c program ...`` or ``script.py ...``.
        cwd: folder to run in.
        env: environment; by default this process's.
    """

    def __init__(self, arguments: Sequence[object], cwd: str | Path, env: dict[str, str] | None = None) -> None:
        self.words = [str(word) for word in arguments]
        self._folder = TemporaryDirectory()
        self._files = [Path(self._folder.name) / name for name in ("out", "err")]
        arguments = (self.words, str(cwd), env or dict(os.environ), *map(str, self._files))
        self.process = FORKS.Process(target=_python, args=arguments)
        self.process.start()

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return self.process.exitcode is None

    def kill(self) -> None:
        """End it by SIGKILL, if it has not ended, and drop its output."""
        self.process.kill()
        self.process.join()
        self._folder.cleanup()

    def result(self, seconds: float = SECONDS) -> subprocess.CompletedProcess[str]:
        """Wait for the end, at most so many seconds, and give exit code and output."""
        self.process.join(seconds)
        stuck = self.running
        out, err = (path.read_text(errors="replace") if path.exists() else "" for path in self._files)
        self.kill()
        if stuck:
            raise subprocess.TimeoutExpired(self.words, seconds, out, err)
        return subprocess.CompletedProcess(["python", *self.words], self.process.exitcode, out, err)


def run_python(
    arguments: Sequence[object], cwd: str | Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a :class:`Command` to its end."""
    return Command(arguments, cwd, env).result()


class Forked:
    """Stands in for :mod:`subprocess` in a module that starts ``sys.executable``: the same commands, but forks."""

    PIPE = subprocess.PIPE

    @staticmethod
    def run(
        command: Sequence[object], cwd: str | Path, env: dict[str, str] | None = None, **_: object
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, and capture its output; one of ``torchrun`` in as many forks as it would start."""
        words = [str(word) for word in command[1:]]
        if words[:2] != ["-m", "torch.distributed.run"]:
            return run_python(words, cwd, env)
        from torch.distributed.run import get_args_parser

        options = get_args_parser().parse_args(words[2:])
        script = [options.training_script, *options.training_script_args]
        return run_group(script, cwd, in_one_group(env or dict(os.environ), int(options.nproc_per_node)))

    class Popen:
        """A command whose lines are read; they come at its end."""

        def __init__(
            self, command: Sequence[object], cwd: str | Path, env: dict[str, str] | None = None, **_: object
        ) -> None:
            done = run_python(command[1:], cwd, env)
            self.stdout, self.returncode = done.stdout.splitlines(keepends=True), done.returncode

        def __enter__(self) -> Forked.Popen:
            return self

        def __exit__(self, *_: object) -> None:
            pass


class ForkedExecutor(ProcessPoolExecutor):
    """Stands in for loky's executor, whose processes import everything anew.

    An initializer is left out: ``end_with_parent`` would end a fork, whose parent is the interpreter that forks.
    """

    def __init__(self, max_workers: int, env: dict[str, str] | None = None, **_: object) -> None:
        super().__init__(max_workers, FORKS, initializer=_set_variables, initargs=(env or {},))

    def shutdown(self, wait: bool = True, kill_workers: bool = False) -> None:
        if kill_workers:
            for process in list((self._processes or {}).values()):
                process.kill()
        super().shutdown(wait)


def fork_dask_workers(monkeypatch: Any) -> None:
    """Let worker processes of Dask's ``LocalCluster`` be forks too."""
    for module in ("nanny", "process"):
        monkeypatch.setattr(f"distributed.{module}.get_mp_context", lambda: FORKS)


def _set_variables(variables: dict[str, str]) -> None:
    os.environ.update(variables)


def in_one_group(env: dict[str, str], size: int = 2) -> list[dict[str, str]]:
    """Environments of the processes of a group, with the variables that ``torchrun`` sets."""
    group = env | {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    return [group | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(size)]


def free_port() -> int:
    """A port of this machine that nobody listens to, and that neither the system nor another worker gives away."""
    first = FIRST_PORT + PORTS * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for port in SystemRandom().sample(range(first, first + PORTS), PORTS):  # tests begin with the same random state
        with suppress(OSError), socket.socket() as server:
            server.bind(("", port))
            return port
    raise OSError(f"no free port from {first} to {first + PORTS - 1}")


def run_group(
    arguments: Sequence[object], cwd: str | Path, environments: Sequence[dict[str, str]]
) -> subprocess.CompletedProcess[str]:
    """Run one command in several processes at once; where one fails the others are killed, and its result is given.

    Args:
        arguments: arguments of ``python``.
        cwd: folder to run in.
        environments: environment of each process.

    Returns:
        Result of the first process that failed, or of the first.
    """
    commands = [Command(arguments, cwd, env) for env in environments]
    left = list(commands)
    while left and not any(command.process.exitcode for command in commands):
        if not wait([command.process.sentinel for command in left], SECONDS):
            break
        left = [command for command in left if command.running]
    failed = next((command for command in commands if command.process.exitcode), commands[0])
    for command in left:
        command.kill()
    results = {command: command.result() for command in commands}
    return results[failed]


def _python(words: list[str], cwd: str, env: dict[str, str], out: str, err: str) -> None:
    """The fork: becomes the command."""
    gc.freeze()  # else each collection goes through, and copies, all that the interpreter has imported
    for path, number in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    logging.root.handlers.clear()
    multiprocessing.set_start_method(None, force=True)  # as in any interpreter: here it is that of this fork
    code = 0
    try:
        _run(words, cwd)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else error.code is not None
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()  # what an interpreter does at its end and multiprocessing does not
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run(words: list[str], cwd: str) -> None:
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    sys.path[:0] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if words[0] == "-m":
        sys.argv = words[1:]
        if not os.environ.get("PYTHONSAFEPATH"):
            sys.path.insert(0, cwd)
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    elif words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        sys.path.insert(0, cwd)
        sys.modules["__main__"].__dict__.clear()
        sys.modules["__main__"].__dict__.update(__name__="__main__", __builtins__=__builtins__)
        exec(compile(words[1], "<string>", "exec"), sys.modules["__main__"].__dict__)
    else:
        sys.argv = words
        if not os.environ.get("PYTHONSAFEPATH"):
            sys.path.insert(0, str(Path(words[0]).resolve().parent))
        runpy.run_path(words[0], run_name="__main__")
