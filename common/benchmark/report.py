"""Tables of measurements."""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = ["efficiency_table", "hardware_line", "memory_table", "rebalance_table"]


def hardware_line(environment: dict[str, Any]) -> str:
    """One line about the machine, from :func:`~.environment.describe_environment`."""
    found = environment["hardware"]
    parts = [found["cpu"], f"{found['threads']} threads on {found['cores']} cores", f"{found['ram_gb']} GB of RAM"]
    return ", ".join([*parts, *(f"{gpu['name']} of {gpu['memory_gb']} GB" for gpu in found["gpus"])])


def efficiency_table(result: dict[str, Any]) -> str:
    """Rounds and summary of :func:`~.efficiency.measure_efficiency`."""
    summary, rounds = result["summary"], result["rounds"]
    ratios = [name for name in rounds[0] if not isinstance(rounds[0][name], dict)]
    names = [name for name in rounds[0] if name not in ratios]
    rows = [
        {**{f"{name}, samples/s": row[name]["samples_per_second"] for name in names}, **{n: row[n] for n in ratios}}
        for row in rounds
    ]
    table = pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="round"))
    ends = summary["epoch_ends"]
    lines = [_settings(result["settings"]), "", table.reset_index().to_string(index=False, float_format="%.4f"), ""]
    lines += [f"{name}: {_spread(summary[name])}" for name in ratios]
    lines.append(f"efficiency without ends of epochs: {summary['efficiency_without_epoch_ends']:.3f}")
    lines.append(
        f"ends of epochs within the rounds (checkpoint, metrics, logs): {ends['count']}, {sum(ends['seconds']):.3f} s"
    )
    return "\n".join(lines)


def rebalance_table(result: dict[str, Any]) -> str:
    """One line per variant of :func:`~.rebalance_cost.measure_rebalance_cost`, relative to a plain step."""
    rows = []
    for name, found in result["summary"].items():
        row = {"variant": name, "s/step": f"{found['seconds_per_step']['median']:.3f}"}
        row["time over plain"] = _spread(found["time_over_plain"])
        if "limit" in found:
            row["may add"] = f"{found['limit']['median']:.3f}"
            row["beyond it"] = _spread(found["beyond_limit"], sign="+")
            row["verdict"] = found["verdict"]
        rows.append(row)
    table = pd.DataFrame(rows).fillna("")
    note = "median [min, max] of the rounds; fresh may add its forward passes alone, bank 5 % of a plain step"
    return "\n".join([_settings(result["settings"]), "", table.to_string(index=False), "", note])


def memory_table(result: dict[str, Any]) -> str:
    """One line per combination of :func:`~.memory.measure_memory`, in GB (1e9 bytes)."""
    limit = f"under {result['settings']['limit_gb']:g} GB"
    rows = []
    for found in result["rows"]:
        row = {"precision": found["precision"], "checkpointing": "on" if found["checkpointing"] else "off"}
        row |= {name: _gb(found.get(name)) for name in ("expected", "baseline", "peak")}
        row["step"] = _gb(found["peak"] - found["baseline"]) if "peak" in found else ""
        row[limit] = {True: "yes", False: "no"}.get(found.get("within_limit"), f"skipped: {found.get('skipped')}")
        rows.append(row)
    measured = [found for found in result["rows"] if "peak" in found]
    head = _settings({**result["settings"], **({"batch_shape": measured[0]["batch_shape"]} if measured else {})})
    return "\n".join([head, "", pd.DataFrame(rows).to_string(index=False), "", "GB; step = peak - baseline"])


def _settings(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items() if value is not None)


def _spread(spread: dict[str, float], sign: str = "") -> str:
    return f"{spread['median']:{sign}.3f} [{spread['min']:{sign}.3f}, {spread['max']:{sign}.3f}]"


def _gb(size: float | None) -> str:
    return "" if size is None else f"{size / 1e9:.2f}"
