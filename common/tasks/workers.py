"""Where the tasks of a comparison run: in this process, in several of this machine, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import InputError
from .pool import Pool

__all__ = ["Workers"]


@dataclass(frozen=True)
class Workers:
    """Number and place of the processes that run tasks.

    Args:
        number: number of processes of this machine, each with its share of the cores; with GPUs at most one for each
            of them, which sees no other. With 1 the tasks run in this process.
        scheduler: address of a Dask scheduler, e.g. ``tcp://host:8786``, whose workers run the tasks instead. They
            need this package, and the same files under the same paths, and one thread each.
        resources: resources of a Dask worker that each task takes, e.g. ``{"GPU": 1}``.
        gpus: whether to use the GPUs of this machine.

    Raises:
        InputError: there is no such number of processes, or resources without a scheduler.
    """

    number: int = 1
    scheduler: str | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    gpus: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.number, bool) or not isinstance(self.number, int) or self.number < 1:
            raise InputError(f"workers: found {self.number!r}; expected a number of processes from 1")
        if self.resources and self.scheduler is None:
            raise InputError("resources: found some without a scheduler, whose workers offer them; leave them out")
        if self.scheduler is not None and self.number > 1:
            raise InputError(f"workers: found {self.number} beside scheduler; its cluster has workers; leave one out")

    @property
    def here(self) -> bool:
        """Whether tasks run in this process."""
        return self.number == 1 and self.scheduler is None

    def pool(self) -> Pool | None:
        """Processes that run tasks, or ``None`` for this one."""
        if self.here:
            return None
        if self.scheduler is not None:
            from .dask_pool import DaskPool  # here, as most runs need no cluster

            return DaskPool(self.scheduler, self.resources)
        from .local_pool import LocalPool, visible_gpus

        return LocalPool(self.number, visible_gpus() if self.gpus else [])
