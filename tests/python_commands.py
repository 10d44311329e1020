"""``python ...`` as a user would type it, without waiting ten seconds for its imports each time."""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import os
import runpy
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

SECONDS = 600  # a command that takes longer is stuck
# Of packages whose exports are imported when they are first used, what takes long.
PRELOADED = ("monai.bundle", "monai.transforms", "mlflow", "pandas", "matplotlib.pyplot", "sklearn.linear_model")
PRELOADED += ("sklearn.model_selection", "common.data.volume_cache", "common.data.imbalance", "common.evaluation")
PRELOADED += ("common.engines", "common.handlers", "common.losses", "common.networks", "common.transforms")


def run_python(
    arguments: list[object], cwd: str | Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What ``python <arguments>`` does and prints, in a fork of a fresh interpreter that has imported MONAI.

    The interpreter knows nothing of pytest and of earlier commands. Tests of what an import finds, of kills and of
    several processes start an interpreter of their own.

    Args:
        arguments: ``-m module ...`` or ``script.py ...``.
        cwd: folder to run in.
        env: environment; by default this process's.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    words = [str(word) for word in arguments]
    with TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = context.Process(target=_python, args=(words, str(cwd), env or dict(os.environ), str(out), str(err)))
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(words, SECONDS, out.read_bytes(), err.read_bytes())
        texts = [path.read_text(errors="replace") for path in (out, err)]
    return subprocess.CompletedProcess(["python", *words], process.exitcode, *texts)


def _python(words: list[str], cwd: str, env: dict[str, str], out: str, err: str) -> None:
    """The fork: becomes the command."""
    for path, number in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    logging.root.handlers.clear()
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
    if words[0] == "-m":
        sys.argv = words[1:]
        sys.path.insert(0, cwd)
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        sys.path.insert(0, str(Path(words[0]).resolve().parent))
        runpy.run_path(words[0], run_name="__main__")
