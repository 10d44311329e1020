"""All random generators of a run as one checkpoint object."""

from __future__ import annotations

import logging
import random
from typing import Any

import ignite.distributed as idist
import numpy as np
import torch
import torch.distributed as dist

__all__ = ["RandomState"]

logger = logging.getLogger(__name__)


class RandomState:
    """States of Python's, NumPy's, torch's and CUDA's generators, of every process, as plain values and tensors.

    :meth:`state_dict` is collective: all processes call it, and each gets the states of all.
    """

    def state_dict(self) -> dict[str, Any]:
        """``{"processes": [state of rank 0, state of rank 1, ...]}``, loadable with ``weights_only=True``."""
        states: list[Any] = [None] * idist.get_world_size()
        if idist.get_world_size() > 1:
            dist.all_gather_object(states, self._own_state())
        else:
            states = [self._own_state()]
        return {"processes": states}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put every generator of this process back to where it was."""
        states = state["processes"]
        if len(states) != idist.get_world_size():
            logger.warning(
                f"The checkpoint was written by {len(states)} processes and now there are {idist.get_world_size()}: "
                "training goes on, but not bit for bit."
            )
        own = states[idist.get_rank() % len(states)]
        random.setstate((own["python"][0], tuple(own["python"][1]), own["python"][2]))
        name, keys, position, has_gauss, cached = own["numpy"]
        np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
        torch.set_rng_state(own["torch"].cpu())
        if torch.cuda.is_available() and own["cuda"] is not None:
            torch.cuda.set_rng_state(own["cuda"].cpu())

    def _own_state(self) -> dict[str, Any]:
        name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
        words_of_numpy = torch.from_numpy(np.asarray(keys).astype(np.int64))
        version, words, gauss = random.getstate()
        return {
            "python": (version, list(words), gauss),
            "numpy": (name, words_of_numpy, int(position), int(has_gauss), float(cached)),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        }
