"""Reduction of a step's output to the loss."""

from __future__ import annotations

from ignite.engine import Engine, Events

__all__ = ["KeepLoss"]


class KeepLoss:
    """Keep only the loss in ``engine.state.output`` after a step.

    A trainer without decollation leaves a dictionary with images and predictions there. MONAI's loggers and
    ``--tracking`` expect the loss in a list of dictionaries, and the images would stay in memory during the next
    step. Put this handler after all that use predictions and before the loggers.
    """

    def attach(self, engine: Engine) -> None:
        """Act at the end of each iteration."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Replace the output by ``[{"loss": loss}]``."""
        engine.state.output = [{"loss": engine.state.output["loss"].detach()}]
