"""Rules that choose the settings of a study by the cohort's fingerprint and the machine.

A rule is a function of :class:`~common.study.rules.facts.Facts` that yields a
:class:`~common.study.rules.facts.Choice` for each id that it sets. A bundle's ``study.yaml`` names its rules; later
ones see the choices of earlier ones. A choice is a default: what the user sets counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...errors import InputError
from .batches import batches
from .facts import Choice, Facts
from .intensities import differences, intensities
from .lesions import lesion_box, lesion_picture, lesion_slices, slice_picture
from .memory import memory
from .modalities import modalities
from .volumes import backbone, clips, patch, structures, unet, volume

__all__ = ["RULES", "Choice", "Facts", "choose"]

Rule = Callable[[Facts], Iterator[Choice]]
RULES: Mapping[str, Rule] = {
    rule.__name__: rule
    for rule in (
        backbone,
        batches,
        clips,
        differences,
        intensities,
        lesion_box,
        lesion_picture,
        lesion_slices,
        memory,
        modalities,
        patch,
        slice_picture,
        structures,
        unet,
        volume,
    )
}


def choose(names: Sequence[str], facts: Facts, fixed: Mapping[str, Any]) -> list[Choice]:
    """Apply rules.

    Args:
        names: names of the rules, in order.
        facts: cohort, machine and defaults of the configs.
        fixed: ids that the user has set, for which no rule chooses.

    Returns:
        The choices; a later one for the same id and stage replaces an earlier one.

    Raises:
        InputError: there is no such rule.
    """
    found: dict[tuple[str, str], Choice] = {}
    for name in names:
        if name not in RULES:
            raise InputError(f"study.yaml: rules: found {name}, expected one of {', '.join(sorted(RULES))}; correct it")
        for choice in RULES[name](facts):
            if choice.name in fixed or choice.value == facts.default(choice.name, choice.stage):
                continue
            found[choice.name, choice.stage] = choice
        facts = replace(facts, chosen={**facts.chosen, **{choice.name: choice.value for choice in found.values()}})
    return list(found.values())
