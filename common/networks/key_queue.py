"""Queue of keys from earlier steps, as negatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from ..distributed import gather_rows
from ..errors import InputError

__all__ = ["KeyQueue"]

_EMPTY = -1  # subject of an empty place


class KeyQueue(nn.Module):
    """First in, first out: the keys of the latest samples, one queue for each view, with their subjects.

    "Memory queue to store previous representations" (Cao et al. 2022; He et al. 2020, section 3.2). Its state is in
    persistent buffers, so checkpoints include it. Batches of any size can be added, also those that don't divide the
    queue's length or are longer than it; a batch wraps around at the queue's end, and no key is lost early. Empty
    places are no negatives. All processes have the same queue, with the keys of all processes in the order of the
    joined batch.

    Args:
        views: names of the views, with one queue each.
        num_keys: length of a queue. Without masking of a subject's own keys at most half the cohort, else every
            sample is compared with its own old keys (**ours**).
        num_features: length of a key.

    Raises:
        InputError: there is no view, one is listed twice, or the length is below 1; in :meth:`enqueue`, views differ.
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
        """Add the keys of all processes in place of the oldest.

        Args:
            keys: keys of each view, ``BxF``, from this process.
            subjects: subject of each key, integers from 0, ``B``.
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
        latest = slice(max(len(rows) - length, 0), None)  # a batch longer than the queue is cut at its start
        self.keys[:, places[latest]] = rows[latest].transpose(0, 1)
        self.subjects[places[latest]] = subjects[latest]
        self.pointer.add_(len(rows)).remainder_(length)

    def negatives(self, view: str) -> torch.Tensor:
        """The keys of a view, ``KxF``; see :meth:`allowed` for which of them count."""
        return self.keys[self.views.index(view)]

    def allowed(self, subjects: torch.Tensor | None = None) -> torch.Tensor:
        """Flags of the places with a negative for each query.

        Args:
            subjects: subjects of the queries, ``B``, whose own keys are no negatives; ``None`` to allow them.

        Returns:
            ``BxK`` booleans, without subjects ``1xK``.
        """
        taken = (self.subjects != _EMPTY)[None]
        if subjects is None:
            return taken
        return taken & (self.subjects[None] != subjects.to(self.subjects)[:, None])
