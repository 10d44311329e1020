"""Linear probing before fine-tuning."""

from __future__ import annotations

from ignite.engine import Engine, Events
from monai.engines.utils import IterationEvents

from ..networks.hybrid_classifier import HybridClassifier

__all__ = ["HeadFirst"]


class HeadFirst:
    """Train the classifier alone in the first epochs, and the whole network afterwards (Kumar et al. 2022, "LP-FT").

    The random weights of a new classifier otherwise distort pre-trained features in the first steps. Gradients outside
    ``network.head`` are dropped before the optimizer steps, rather than never computed: several processes that average
    their gradients then need no further setting. The epoch alone decides, so there is no state to save for resuming.

    Args:
        network: classifier whose layer ``head`` is trained alone.
        epochs: number of epochs with the classifier alone; 0 for none.
    """

    def __init__(self, network: HybridClassifier, epochs: int) -> None:
        self.network = network
        self.epochs = epochs
        head = {id(parameter) for parameter in network.head.parameters()}
        self.others = [parameter for parameter in network.parameters() if id(parameter) not in head]

    def attach(self, engine: Engine) -> None:
        """Act at the start of each epoch and between a step's gradients and its update."""
        if self.epochs:
            engine.add_event_handler(Events.EPOCH_STARTED, self.set_epoch)
            engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self.drop_gradients)

    def set_epoch(self, engine: Engine) -> None:
        """Let batch norms keep their statistics while the classifier is trained alone."""
        self.network.train_head_alone(engine.state.epoch <= self.epochs)

    def drop_gradients(self, engine: Engine) -> None:
        """Leave the optimizer no gradient outside the classifier."""
        if engine.state.epoch <= self.epochs:
            for parameter in self.others:
                parameter.grad = None
