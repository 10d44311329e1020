"""What loggers want of a step, and no more."""

from __future__ import annotations

from ignite.engine import Engine, Events

__all__ = ["KeepLoss"]


class KeepLoss:
    """Leave nothing but the loss in ``engine.state.output`` when a step is over.

    A trainer without decollation leaves a dictionary with images and predictions there. MONAI's loggers and
    ``--tracking`` look for the loss in a list of dictionaries, and the images would stay in memory during the next
    step. Give this handler after all that look at predictions and before the loggers.
    """

    def attach(self, engine: Engine) -> None:
        """Act at the end of each iteration."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Replace the output by ``[{"loss": loss}]``."""
        engine.state.output = [{"loss": engine.state.output["loss"].detach()}]
