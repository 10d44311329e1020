"""Files and options of a run, checked before MONAI merges them.

MONAI merges the files and the command line before it evaluates ``initialize``, where :func:`~common.check_options`
looks at them: an overlay without its training's config, or ``--encodr#channels 8``, ends in its traceback.
"""

from __future__ import annotations

import copy
import difflib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .bundle_configs import BASES
from .errors import InputError, OptionError, one_line
from .option_references import part_problem
from .references import references

if TYPE_CHECKING:
    from monai.bundle import ConfigParser

__all__ = ["check_files", "check_merging", "check_overlays", "read_config"]

_FAILURES = (AttributeError, IndexError, KeyError, TypeError, ValueError)  # of MONAI's parser where it sets a part
_NO_RUNS = ("imports", "initialize", "finalize")


def check_merging(files: Sequence[str], runs: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """Merge configs and options as MONAI does, and refuse what it cannot merge or run.

    Args:
        files: configs in their order; a path to each.
        runs: ids that are run.
        options: values by id; parts of ids have ``#`` or ``::`` in their names.

    Returns:
        The merged files and options.

    Raises:
        OptionError: a file is missing or is no config, the base of an overlay is missing, an overlay has no effect
            (:func:`check_overlays`), a run is in none of the files, or an option sets a part of what no config has.
    """
    from monai.bundle import ConfigParser  # here, as the scripts' help need not wait for MONAI

    parser = ConfigParser(config={})
    for number, file in enumerate(files):
        content = read_config(file)
        for name, value in content.items():
            if problem := _overlay_problem(parser, name, value, alone=number == 0):
                raise OptionError(f"{file}: sets {problem}; {_remedy(file, content, files[:number])}")
            _merge(parser, name, value)
    problems = list(_option_problems(parser, options))  # merges them, as they may refer to what an overlay adds
    check_overlays(files, parser.get())
    problems += [_unknown_run(name, parser.get(), files) for name in runs if not _runs(parser, name)]
    if problems:
        raise OptionError(problems[0]) if len(problems) == 1 else OptionError.of_rows("options", problems)
    merged: dict[str, Any] = parser.get()
    return merged


def check_overlays(files: Sequence[str], config: Mapping[str, Any]) -> None:
    """Refuse an overlay that MONAI merges without a word, and that changes nothing or half of what it says.

    Args:
        files: configs in their order; a path to each.
        config: what they are when merged.

    Raises:
        OptionError: the overlay of a method sets what the stage lacks, as it is of another one; a stage after an
            overlay sets the same anew.
    """
    contents = [(str(file), read_config(file)) for file in files]
    stages = [(number, file, content) for number, (file, content) in enumerate(contents) if "run" in content]
    known = set().union(*(_roots(content) for _, _, content in stages))
    for number, (file, content) in enumerate(contents):
        if "run" in content or not stages:
            continue
        if lost := _lost(content, known, config):
            names = " with ".join(Path(stage).name for _, stage, _ in stages)
            remedy = _remedy(file, content, files[:number])
            raise OptionError(f"{file}: sets {', '.join(lost)}, which {names} does not have; {remedy}")
        for later, stage, others in stages:
            anew = [name for name in content if name in others and others[name] != content[name]]
            anew = [name for name in anew if name != "method" and not name.startswith("+")]  # MONAI appends these
            if later > number and anew:
                words = ",".join(f"'{each}'" for each in sorted(map(str, files), key=lambda each: each == file))
                raise OptionError(
                    f"{file}: sets {', '.join(anew)}, which {Path(stage).name} after it sets anew; "
                    f'set --config_file "[{words}]"'
                )


def _lost(content: Mapping[str, Any], known: set[str], config: Mapping[str, Any]) -> list[str]:
    """Ids of a method's overlay that a stage does not have; overlays of a cohort, without a method, fit several."""
    lost = _roots(content) - known - {"method"} - set().union(*map(references, config.values()))
    return [name for name in content if name in lost] if "method" in content else []


def _roots(content: Mapping[str, Any]) -> set[str]:
    return {name.removeprefix("+").replace("::", "#").split("#")[0] for name in content}


def check_files(**files: str | None) -> None:
    """Refuse files that are not there.

    Args:
        files: path, or ``None``, by the option that names it.

    Raises:
        OptionError: one of them is not there.
    """
    for name, file in files.items():
        if file is not None and not Path(file).is_file():
            raise OptionError(f"{name}: {file}: found no such file; correct it, or leave it out")


def read_config(path: str | Path) -> dict[str, Any]:
    """Content of a config.

    Raises:
        OptionError: it is not there, or no YAML or JSON file of ids; a key is there twice.
    """
    from monai.bundle import ConfigParser  # see check_merging
    from yaml import YAMLError

    path = Path(path)
    if not path.is_file():
        near = difflib.get_close_matches(path.name, [each.name for each in _configs(path.parent)], n=1, cutoff=0.5)
        hint = f"did you mean {path.with_name(near[0])}?" if near else "expected a file of a bundle's folder configs"
        raise OptionError(f"config_file: {path}: found no such file; {hint}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # of a key that is there twice, whose last value MONAI takes
            content = ConfigParser.load_config_file(path)
    except (UserWarning, YAMLError, RecursionError, ValueError) as error:
        raise OptionError(f"{path}: found no readable YAML or JSON ({one_line(error)}); correct it") from None
    except OSError as error:
        raise OptionError(f"{path}: cannot be read ({error.strerror}); correct its permissions") from None
    if not isinstance(content, dict):
        raise OptionError(f"{path}: found {type(content).__name__}, expected ids with values (id: value); correct it")
    return {str(name): value for name, value in content.items()}


def _overlay_problem(parser: ConfigParser, name: str, value: Any, alone: bool) -> str | None:
    """What an overlay sets in vain, and why; over another file, MONAI copies what it adds to and that one lacks."""
    place = name.removeprefix("+")
    added = name.startswith("+")
    lost = alone and added and place not in parser
    if lost or part_problem(place, parser.get()) or not _merges(parser, place, value):
        return f"{place}, which no file before it has"
    if not added or place not in parser:
        return None
    kinds = {type(parser[place]), type(value)}
    return None if kinds in ({dict}, {list}) else f"{name}, but only lists and components can be added to each other"


def _merges(parser: ConfigParser, name: str, value: Any) -> bool:
    from monai.bundle import ConfigParser  # see check_merging

    if not {"#", ":"} & set(name):
        return True
    try:
        ConfigParser(config=copy.deepcopy(parser.get()))[name] = value
    except _FAILURES:
        return False
    return True


def _merge(parser: ConfigParser, name: str, value: Any) -> None:
    from monai.bundle.utils import merge_kv

    merge_kv(parser, name, copy.deepcopy(value))


def _option_problems(parser: ConfigParser, options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        if name.replace("::", "#").split("#")[0] == "_meta_":
            continue  # of the metadata, which MONAI adds to the merged configs
        if problem := part_problem(name, parser.get()):
            yield problem
        elif not _merges(parser, name, value):
            yield f"{name}: found no such part in the configs; correct its name"
        else:
            _merge(parser, name, value)


def _remedy(file: str, content: Mapping[str, Any], before: Sequence[str]) -> str:
    """The files of which this one is an overlay, as an option."""
    path = Path(file)
    roots = _roots({name: None for name in content if set("+#:") & set(name)} or content)
    stems = [BASES[path.stem]] if path.stem in BASES else []
    stems += [each.stem for each in _configs(path.parent) if not stems and _takes(each, path, content)]
    bases = [str(path.with_name(f"{stem}{path.suffix}")) for stem in stems]
    if not bases:
        return f"give the config that has {', '.join(sorted(roots - {'method'}))} before it"
    others = {each: read_config(each) for each in before}
    base = read_config(bases[0])
    known = _roots(base) | (_roots(content) if "run" in content else set())
    overlays = [each for each, ids in others.items() if "run" not in ids and not _lost(ids, known, base | ids)]
    words = ",".join(f"'{each}'" for each in [bases[0], *overlays, file])
    further = f" (or over {', '.join(Path(each).name for each in bases[1:])})" if bases[1:] else ""
    return f'it is an overlay: set --config_file "[{words}]"{further}'


def _takes(path: Path, overlay: Path, content: Mapping[str, Any]) -> bool:
    """Whether a file is a stage of its own over which an overlay can lie."""
    from monai.bundle import ConfigParser  # see check_merging

    if path == overlay or path.suffix != overlay.suffix:
        return False
    try:
        stage = read_config(path)
    except InputError:
        return False
    parser = ConfigParser(config=stage)
    if "initialize" not in stage or _lost(content, _roots(stage), {**stage, **content}):
        return False
    return not any(_overlay_problem(parser, name, value, alone=True) for name, value in content.items())


def _runs(parser: ConfigParser, name: str) -> bool:
    """Whether MONAI would do something for an id, and not end without a word, as for a text of the metadata."""
    if name not in parser:
        return False
    value = parser[name]
    code = isinstance(value, str) and value.startswith(("$", "%", "@"))
    return code or isinstance(value, list) or (isinstance(value, dict) and "_target_" in value)


def _unknown_run(name: str, config: Mapping[str, Any], files: Sequence[str]) -> str:
    runs = [
        key
        for key, value in config.items()
        if key not in _NO_RUNS
        and isinstance(value, list)
        and any(isinstance(each, str) and each.startswith("$") for each in value)
    ]
    known = " or ".join(runs) if runs else "a training's or an evaluation's config, over which this overlay lies"
    return f"{name}: found nothing of this name to run in {', '.join(map(str, files))}; expected {known}"


def _configs(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("*") if path.suffix in (".json", ".yaml", ".yml")]
    return sorted(path for path in found if path.stem != "metadata")
