"""Keys of earlier steps, as negatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from ..distributed import gather_rows
from ..errors import InputError

__all__ = ["KeyQueue"]

_EMPTY = -1  # subject of a place that no key has taken yet


class KeyQueue(nn.Module):
    """First in, first out: the keys of the latest samples, one queue for each view, with their subjects.

    "Memory queue to store previous representations" (Cao et al. 2022; He et al. 2020, section 3.2). All is in
    persistent buffers, so checkpoints keep it. Batches of any size go in, also ones that don't divide the queue's
    length or are longer than it; at its end a batch goes on at its start, and no key is lost before its time. Empty
    places are no negatives. Every process holds the same queue, with the keys of all processes in the order of the
    joined batch.

    Args:
        views: names; one queue each.
        num_keys: length of a queue. Without masking of a subject's own keys not above half the cohort, else every
            sample meets its own old keys (**ours**).
        num_features: length of a key.

    Raises:
        InputError: no view, one twice, or a length below 1; in :meth:`enqueue`, keys of other views.
    """

    keys: torch.Tensor
    subjects: torch.Tensor
    pointer: torch.Tensor

    def __init__(self, views: Sequence[str], num_keys: int, num_features: int) -> None:
        super().__init__()
        if not views or len(set(views)) != len(views):
            raise InputError(f"views: {list(views)!r}; expected names, each once; correct them")
        if num_keys < 1:
            raise InputError(f"num_keys: {num_keys}; expected a whole number from 1; correct the queue's length")
        self.views = tuple(views)
        self.register_buffer("keys", torch.zeros(len(views), num_keys, num_features))
        self.register_buffer("subjects", torch.full((num_keys,), _EMPTY))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.long))  # where the next key goes

    @torch.no_grad()
    def enqueue(self, keys: Mapping[str, torch.Tensor], subjects: torch.Tensor) -> None:
        """Put the keys of all processes in, in place of the oldest.

        Args:
            keys: keys of each view, ``BxF``, from this process.
            subjects: ``B``, whole numbers from 0.
        """
        if set(keys) != set(self.views):
            raise InputError(
                f"queue: keys of {', '.join(keys) or 'no view'}; expected {', '.join(self.views)}; make the queue for "
                "the views of the network's keys (key_views)"
            )
        device, length = self.keys.device, self.keys.shape[1]
        rows = torch.stack([keys[view].detach().to(device, self.keys.dtype) for view in self.views], dim=1)  # BxVxF
        rows, subjects = gather_rows(rows), gather_rows(subjects.to(device, torch.long))
        places = (self.pointer + torch.arange(len(rows), device=device)) % length
        latest = slice(max(len(rows) - length, 0), None)  # of a batch longer than the queue, its end stays
        self.keys[:, places[latest]] = rows[latest].transpose(0, 1)
        self.subjects[places[latest]] = subjects[latest]
        self.pointer.add_(len(rows)).remainder_(length)

    def negatives(self, view: str) -> torch.Tensor:
        """The keys of a view, ``KxF``; see :meth:`allowed` for which of them count."""
        return self.keys[self.views.index(view)]

    def allowed(self, subjects: torch.Tensor | None = None) -> torch.Tensor:
        """Which places hold a negative for each query.

        Args:
            subjects: ``B``, of the queries: keys of a query's own subject are none; ``None`` to let them count.

        Returns:
            ``BxK`` booleans, without subjects ``1xK``.
        """
        taken = (self.subjects != _EMPTY)[None]
        if subjects is None:
            return taken
        return taken & (self.subjects[None] != subjects.to(self.subjects)[:, None])
