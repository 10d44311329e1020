"""The queue of keys on Ignite's events."""

from __future__ import annotations

from ignite.engine import Engine, Events
from monai.utils.enums import CommonKeys

from ..networks.key_queue import KeyQueue

__all__ = ["KeyQueueHandler"]


class KeyQueueHandler:
    """Put each step's keys into the queue, after the loss, so that a query's own key is never its negative.

    The network's output has its keys as ``queue_keys``, and the subjects are the loss's second argument.

    Args:
        queue: queue to fill. It is saved as an object of :class:`ResumableCheckpoint`.
    """

    def __init__(self, queue: KeyQueue) -> None:
        self.queue = queue

    def attach(self, engine: Engine) -> None:
        """Act at the end of each iteration."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Enqueue."""
        output = engine.state.output
        self.queue.enqueue(output[CommonKeys.PRED].queue_keys, output[CommonKeys.LABEL])
