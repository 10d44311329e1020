"""Parsing of a comparison's rows from the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...bundle_configs import BundleConfigs
from ...errors import InputError
from .methods import MODALITY, TRADITIONAL, Encoder, FineTuning, Mean, Probe
from .single_numbers import check_number

__all__ = [
    "COMPOSITION",
    "DIFFERENCES",
    "FEW_NUMBERS",
    "OUTLINE",
    "POSITION",
    "PROBE",
    "RADIOMICS",
    "SLICES",
    "SUPERVISED",
    "read_encoders",
    "read_fine_tunings",
    "read_rows",
]

#: Method that is ``scratch`` among the fine-tunings, the row "Supervised" of Li et al. 2021.
SUPERVISED = "supervised"
#: Rows without an encoder of ours: traditional features, slices under ImageNet's weights, a few numbers of a lesion.
RADIOMICS, SLICES = "radiomics", "imagenet_slices"
OUTLINE, POSITION, COMPOSITION, DIFFERENCES = "outline", "position", "composition", "modality_differences"
FEW_NUMBERS = (OUTLINE, POSITION, COMPOSITION, DIFFERENCES)
MEASURED = {
    RADIOMICS: ("Radiomics", TRADITIONAL),
    OUTLINE: ("Outline", OUTLINE),
    POSITION: ("Position", POSITION),
    COMPOSITION: ("Composition", COMPOSITION),
    DIFFERENCES: ("Modality differences", DIFFERENCES),
    SLICES: ("ImageNet slices", SLICES),
}
#: Last part of rows with a frozen encoder; first part of means of rows' probabilities, and of their z-scores.
PROBE, MEAN, MEAN_Z_SCORE = "linear_probe", "mean", "mean_z_score"
STARTS = {"scratch": "Scratch", "imagenet": "ImageNet"}


def read_encoders(
    configs: BundleConfigs, texts: Sequence[str], modalities: Sequence[str], sweep: Mapping[str, Sequence[Any]]
) -> dict[str, list[Encoder]]:
    """Encoders from ``<overlay>[+<overlay>...]``, with each value of a swept id.

    The first overlay is one of ``pretrain.yaml``, the others are those of ``extract_features.yaml`` for its weights; by
    default those that the first one names as ``feature_overlays``.

    Args:
        configs: configs of the bundle.
        texts: texts of the rows.
        modalities: names of the cohort's modalities.
        sweep: swept id and its values. A value may be the name of another overlay, which is pre-trained as it is
            instead: with ``num_clusters: [plain, 2, 3]`` plain 3DSiam stands for k = 0 (Li et al. 2021, Fig. 4: "0
            clusters means the model is trained without SE module").

    Returns:
        By text, the encoder, or those of all values in their order.

    Raises:
        InputError: an overlay is unknown, there is more than one id to sweep, or required names of modalities are
            missing.
    """
    if len(sweep) > 1:
        raise InputError(f"sweep: {', '.join(sweep)}; expected one id at a time; run it once for each")
    for parameter, values in sweep.items():
        if not isinstance(values, list | tuple) or not values:
            raise InputError(
                f"sweep: found {parameter} {values!r}; expected a list of values; set --sweep "
                f'"{{{parameter}: [{"..." if isinstance(values, list | tuple) else values}]}}"'
            )
    found: dict[str, list[Encoder]] = {}
    for text in dict.fromkeys(texts):
        overlay, *features = text.split("+")
        encoder = _encoder(configs, overlay, modalities, features)
        if features and encoder.features != _encoder(configs, overlay, modalities).features:
            called = configs.ids(*features).get("method", features[-1])
            encoder = replace(encoder, name=f"{encoder.name} + {called}")
        found[text] = [] if sweep else [encoder]
        for parameter, values in sweep.items():
            for value in values:
                if isinstance(value, str) and value in configs.names():
                    found[text].append(_encoder(configs, value, modalities))
                else:
                    settings, name = {parameter: value}, f"{encoder.name}, {parameter} {value}"
                    found[text].append(replace(encoder, name=name, settings=settings))
    return found


def read_fine_tunings(configs: BundleConfigs, texts: Sequence[str], modalities: Sequence[str]) -> Iterator[FineTuning]:
    """Rows from ``<start>[+<overlay>...]``, one for each modality if an overlay sets ``per_modality``.

    ``<start>`` is ``scratch``, ``imagenet``, ``pretrain`` (``pretrain.yaml`` without overlay), an overlay of it or the
    ``encoder_name`` that one sets; without an overlay the network is that of ``train.yaml``.

    Args:
        configs: configs of the bundle.
        texts: texts of the rows.
        modalities: names of the cohort's modalities.

    Raises:
        InputError: a start or overlay is unknown, or a network of all modalities starts from encoders of one each.
    """
    for text in dict.fromkeys(texts):
        if text == "scratch":
            yield FineTuning("Supervised", SUPERVISED, text)
            continue
        first, *overlays = text.split("+")
        start = first if first in STARTS else _encoder(configs, configs.overlay_of_encoder(first), modalities)
        configs.check_overlays("train", overlays)
        ids = configs.ids(*overlays)
        each = bool(ids.get("per_modality"))
        if isinstance(start, Encoder) and start.per_modality and not each:
            raise InputError(
                f"{text}: {start.overlay} has an encoder for each modality and the network takes all of them; choose "
                "an encoder of all modalities, or an overlay for one"
            )
        called, folder = (start.start, start.folder) if isinstance(start, Encoder) else (STARTS[start], start)
        names = [called, ids.get("method", overlays[-1]) if overlays else "fine-tuned"]
        folder = "+".join([folder, *(overlays or ["train"])])
        if not each:
            yield FineTuning(" + ".join(names), folder, start, tuple(overlays))
        for modality in _needed(modalities, text) if each else ():
            yield FineTuning(" + ".join([*names, modality]), f"{folder}/{modality}", start, tuple(overlays), modality)


def read_rows(
    configs: BundleConfigs, texts: Sequence[str], modalities: Sequence[str]
) -> Iterator[FineTuning | Probe | Mean]:
    """Rows of a comparison over label fractions.

    ``radiomics[+<overlay>...]`` is a linear classifier of the traditional features, ``outline`` one of the numbers of
    the mask's outline, ``position`` one of the lesion's place in its image, ``composition`` one of the shares of the
    mask's labels, ``modality_differences`` one of the differences of modalities in the lesion, ``imagenet_slices`` one
    of the features of a volume's slices by ImageNet's weights, ``<start>[+<overlay>...]+linear_probe`` one of the
    features of a frozen encoder, all with overlays of ``extract_features.yaml``; ``outline.LogVolume`` is one of a
    single number of the lesion; ``mean:<row>:<row>...`` is the mean of other rows' probabilities, and
    ``mean_z_score:<row>:<row>...`` that of linear classifiers' z-scores, see
    :func:`~common.evaluation.row_means.mean_of_rows`; the other rows are read before it unless they are rows already.
    For others see :func:`read_fine_tunings`.

    Args:
        configs: configs of the bundle.
        texts: texts of the rows.
        modalities: names of the cohort's modalities.

    Raises:
        InputError: as :func:`read_fine_tunings`; a probe has no encoder; a mean has fewer than two rows, or a mean, or
            z-scores of a row that is no linear classifier.
    """
    found: dict[str, list[FineTuning | Probe]] = {}

    def rows_of(text: str) -> Iterator[FineTuning | Probe]:
        """Rows that were not read before."""
        if text not in found:
            found[text] = list(_read_row(configs, text, modalities))
            yield from found[text]

    for text in dict.fromkeys(texts):
        first, *members = text.split(":")
        if first not in (MEAN, MEAN_Z_SCORE):
            yield from rows_of(text)
            continue
        if "" in members or {MEAN, MEAN_Z_SCORE}.intersection(members):
            raise InputError(f"{text}: found {'nothing' if '' in members else 'a mean'} as a row; name the rows")
        for member in members:
            yield from rows_of(member)
        rows = tuple({row.folder: row for member in members for row in found[member]}.values())
        if len(rows) < 2:
            raise InputError(f"{text}: found fewer than two different rows; expected two or more to take the mean of")
        if first == MEAN_Z_SCORE and (networks := [row.name for row in rows if not isinstance(row, Probe)]):
            expected = f"expected rows of linear classifiers; take {MEAN} instead"
            raise InputError(f"{text}: found {', '.join(networks)}, whose networks have no z-scores; {expected}")
        named = "Mean z-score" if first == MEAN_Z_SCORE else "Mean"
        folder = text.replace(":", ",")
        yield Mean(f"{named} of {', '.join(row.name for row in rows)}", folder, rows, first == MEAN_Z_SCORE)


def _read_row(configs: BundleConfigs, text: str, modalities: Sequence[str]) -> Iterator[FineTuning | Probe]:
    start, *overlays = text.split("+")
    table, dot, number = text.partition(".")
    if dot and table in FEW_NUMBERS:
        check_number(text, table, number := number.strip(), modalities)
        name, measured = MEASURED[table]
        yield Probe(f"{name} ({number})", text, measured=measured, number=number)
    elif start in MEASURED:
        configs.check_overlays("extract_features", overlays)
        name, measured = MEASURED[start]
        names = [name, *([configs.ids(*overlays).get("method", overlays[-1])] if overlays else [])]
        yield Probe(" ".join(names), text, overlays=tuple(overlays), measured=measured)
    else:
        if start not in STARTS:
            ids = configs.ids("extract_features")
            configs.overlay_of_encoder(start, [name for name, (_, measured) in MEASURED.items() if measured in ids])
        if overlays and overlays[-1] == PROBE:
            yield from _probes(configs, start, overlays[:-1], modalities)
        else:
            yield from read_fine_tunings(configs, [text], modalities)


def _probes(configs: BundleConfigs, start: str, overlays: Sequence[str], modalities: Sequence[str]) -> Iterator[Probe]:
    if start in STARTS:
        hint = "; docs/label_fractions.md has the rows of ImageNet's features" if start == "imagenet" else ""
        raise InputError(
            f"{start}+{PROBE}: no encoder to probe; expected pretrain or an overlay of pretrain.yaml{hint}"
        )
    encoder = _encoder(configs, configs.overlay_of_encoder(start), modalities, overlays)
    names = [encoder.start, *([configs.ids(*overlays).get("method", overlays[-1])] if overlays else []), "linear probe"]
    folder = "+".join([encoder.folder, *overlays, PROBE])
    if not encoder.modalities:
        yield Probe(" + ".join(names), folder, encoder)
    for modality in encoder.modalities:
        yield Probe(" + ".join([*names, modality]), f"{folder}/{modality}", encoder, modality)


def _encoder(configs: BundleConfigs, overlay: str, modalities: Sequence[str], features: Sequence[str] = ()) -> Encoder:
    configs.check_overlays("pretrain", [overlay])
    ids = configs.ids(overlay)
    features = tuple(features or ids.get("feature_overlays") or ())
    configs.check_overlays("extract_features", features)
    name, each = ids.get("method", overlay), bool(ids.get("per_modality"))
    several = each or MODALITY in str(configs.ids("extract_features").get("learnt_table"))
    columns = _needed(modalities, overlay) if several else ()
    return Encoder(name, overlay, ids.get("encoder_name") or name, each, tuple(columns), features=features)


def _needed(modalities: Sequence[str], row: str) -> Sequence[str]:
    if not modalities:
        raise InputError(
            f'{row}: one row for each modality, of which the datalist names none; expected modality: {{"0": name, ...}}'
        )
    return modalities
