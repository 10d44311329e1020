"""Tables on disk: a row per image or subject, ``subject, fold, label`` first, then one column per feature."""

from __future__ import annotations

import csv
import importlib.util
import io
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .csv_text import csv_text, original_cell, plain_cell
from .errors import InputError, one_line
from .files import write_atomically
from .tables import MISSING

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "KEY_COLUMNS",
    "check_pyarrow",
    "columns_of_numbers",
    "feature_columns",
    "read_table",
    "write_records",
    "write_table",
]

#: Columns that describe the image; all others are features. ``row`` is its index in the datalist, which distinguishes
#: images of a subject, ``session`` its visit. ``status`` is ``ok``, or the reason why features are missing.
KEY_COLUMNS = ("subject", "session", "row", "fold", "label", "status")
INTEGERS = ("row", "fold", "label")


def feature_columns(table: pd.DataFrame) -> list[str]:
    """Names of the feature columns, in the table's order."""
    return [column for column in table.columns if column not in KEY_COLUMNS]


def columns_of_numbers(table: pd.DataFrame, numbers: Sequence[str], path: str | Path) -> list[str]:
    """Columns of a few numbers of a lesion, such as ``outline_LogVolume`` for ``LogVolume``.

    Args:
        table: feature table whose columns begin with a prefix and an underscore.
        numbers: columns without that prefix.
        path: file of the table, for messages.

    Returns:
        The column of each number.

    Raises:
        InputError: a number has no column.
    """
    known = {column.split("_", 1)[-1]: column for column in feature_columns(table)}
    if unknown := [repr(number) for number in numbers if number not in known]:
        raise InputError(f"{path}: no number {', '.join(unknown)}; expected one of {'; '.join(known)}")
    return [known[number] for number in numbers]


def write_table(table: pd.DataFrame, path: str | Path) -> Path:
    """Write ``table`` atomically, key columns first; floats are written exactly.

    In CSV, text that a spreadsheet would execute has an apostrophe in front, which :func:`read_table` removes.

    Args:
        table: table with a row per image, with ``subject``, features, and the other key columns if known.
        path: path that ends in ``.parquet``, for which pyarrow is required, or of a CSV file.

    Returns:
        The path written.

    Raises:
        InputError: ``path`` is a Parquet file and pyarrow is not installed.
    """
    keys = [column for column in KEY_COLUMNS if column in table.columns]
    table = table[keys + feature_columns(table)]
    if not is_parquet(path):
        return write_atomically(path, csv_text(table))
    check_pyarrow(path)
    return write_atomically(path, table.to_parquet(index=False, engine="pyarrow"))


def write_records(records: Sequence[Mapping[str, Any]], path: str | Path) -> Path:
    """Write rows as :func:`write_table` does; a CSV file without pandas, which takes 70 MB.

    Args:
        records: values by column of each row; missing ones are empty.
        path: as in :func:`write_table`.

    Returns:
        The path written.

    Raises:
        InputError: ``path`` is a Parquet file and pyarrow is not installed.
    """
    if is_parquet(path):
        import pandas as pd

        table = pd.DataFrame.from_records(list(records))
        return write_table(table.astype({name: "Int64" for name in INTEGERS if name in table}), path)
    found = list(dict.fromkeys(name for record in records for name in record))
    columns = [name for name in KEY_COLUMNS if name in found] + [name for name in found if name not in KEY_COLUMNS]
    cells = [[_cell(record.get(name)) for name in columns] for record in records]
    # Python quotes a cell with a carriage return only if lines end in one too.
    returns = any("\r" in cell for row in cells for cell in row if isinstance(cell, str))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n" if returns else "\n")
    writer.writerows([[plain_cell(name) for name in columns], *cells])
    return write_atomically(path, text.getvalue())


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return plain_cell(value)
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else value


def is_parquet(path: str | Path) -> bool:
    """Whether a path names a Parquet table and not a CSV table."""
    return Path(path).suffix.lower() in (".parquet", ".pq")


def check_pyarrow(path: str | Path) -> None:
    """Check that Parquet files can be read and written.

    Raises:
        InputError: pyarrow is not installed.
    """
    if is_parquet(path) and importlib.util.find_spec("pyarrow") is None:
        raise InputError(f"{path}: Parquet needs pyarrow; run: pip install pyarrow, or name the table .csv")


def read_table(path: str | Path, text_columns: Collection[str] = ("subject", "session", "status")) -> pd.DataFrame:
    """Read a table with a row per image or subject.

    Args:
        path: path of the CSV or Parquet file.
        text_columns: columns that are text; ``row``, ``fold`` and ``label`` are integers and all others numbers.

    Returns:
        ``subject`` as text (``007`` and ``NA`` are kept), ``row``, ``fold`` and ``label`` as nullable
        integers, features as float64 with NaN where empty.

    Raises:
        InputError: there is no such file, it is not a table, it has no column ``subject``, a row, fold or label is no
            integer, or a feature is not numeric.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a feature table; extract the features first")
    table = _read_parquet(path) if is_parquet(path) else _read_csv(path, text_columns)
    if "subject" not in table.columns:
        found = ", ".join(table.columns[:4])
        raise InputError(f"{path}: no column 'subject'; found {found}, ...; expected subject, fold, label, features")
    return _typed(path, table, text_columns)


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    check_pyarrow(path)
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({one_line(error)}); write it again") from error


def _read_csv(path: Path, text_columns: Collection[str]) -> pd.DataFrame:
    import pandas as pd

    try:
        with path.open(newline="", encoding="utf-8") as file:
            header = next(csv.reader(file), [])
        # A subject may be called "NA": only the other columns have missing values. As text first, because not all
        # versions of pandas parse floats exactly.
        missing = {column: ["", *MISSING] for column in header if column != "subject"}
        table = pd.read_csv(path, dtype=object, keep_default_na=False, na_values=missing)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({one_line(error)}); write it again") from error
    table = table.rename(columns=original_cell)
    for name in table.columns.intersection(list(text_columns)):
        table[name] = table[name].map(original_cell, na_action="ignore")
    return table


def _typed(path: Path, table: pd.DataFrame, text_columns: Collection[str]) -> pd.DataFrame:
    import pandas as pd

    columns: dict[str, pd.Series] = {}
    problems = []
    for name, column in table.items():
        if name in text_columns:
            columns[name] = column.astype(str)
            continue
        try:
            columns[name] = column.astype("float64")
            if name in INTEGERS:
                columns[name] = columns[name].astype("Int64")
        except (TypeError, ValueError):
            expected = "integers" if name in INTEGERS else "one number per subject"
            problems.append(f"column '{name}': found values such as {column.dropna().iloc[0]!r}; expected {expected}")
    if problems:
        raise InputError.of_rows(str(path), problems)
    return pd.DataFrame(columns)
