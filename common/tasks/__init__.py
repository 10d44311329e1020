"""Independent parts of a comparison, in this process, several processes of this machine or a Dask cluster."""

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .cost import Cost
    from .task import Task, run_tasks
    from .workers import Workers

__all__ = ["Cost", "Task", "Workers", "run_tasks"]

__getattr__ = lazy_exports(__name__)
