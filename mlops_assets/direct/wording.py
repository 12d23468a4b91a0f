"""Settings as messages name them: keys of a model's YAML, which there is none of here, as arguments or options."""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from mlops_assets.errors import MlopsAssetsError

Style = Literal["python", "command"]

Replacement = str | Callable[[re.Match[str]], str]


def _columns(found: re.Match[str]) -> str:
    names = [name.strip() for name in found[1].split(",")]
    return "columns=[...]" if names == ["..."] else f"columns={names}"


def _columns_option(found: re.Match[str]) -> str:
    return "--columns A,B,..." if found[1] == "..." else f'--columns "{found[1]}"'


def _types(found: re.Match[str]) -> str:
    return f"Pass types={json.loads(found[1])}"


def _types_option(found: re.Match[str]) -> str:
    return "Add " + " ".join(shlex.join(["--types", f"{name}={kind}"]) for name, kind in json.loads(found[1]).items())


# What messages of the rooms below say -> in Python, on the command line. The first that matches is taken at each place.
_SETTINGS: tuple[tuple[str, Replacement, Replacement], ...] = (
    (r"add `trust: \{allow_pickle: true\}` to the model's YAML", "pass allow_pickle=True", "add --allow-pickle"),
    (
        r"add `trust: \{native_libraries: true\}` to the model's YAML",
        "pass native_libraries=True",
        "add --native-libraries",
    ),
    (
        r"may go into `trust: \{trusted_types: \[(.*?)\]\}` in the model's YAML",
        r"may be passed as trusted_types: \1",
        r"may be given with --trusted-type: \1",
    ),
    (
        r"the asset rejected_samples holds all of them",
        'rejected="rejected.parquet" writes all of them',
        "--rejected rejected.parquet writes all of them",
    ),
    (r"(?:write )?`?contract: \{missing: allow\}`?", 'pass missing="allow"', "add --missing allow"),
    (r"(?:write )?`?contract: \{max_rejected: ([^}]*)\}`?", r"pass max_rejected=\1", r"add --max-rejected \1"),
    (r"(?:write )?`?contract: \{iso_datetimes: true\}`?", "pass iso_datetimes=True", "add --iso-datetimes"),
    (r"(?:[Ww]rite )?`inputs: \{types: (\{.*?\})\}`", _types, _types_option),
    (r"set `inputs: \{delimiter: (\".*?\")\}`", r"pass delimiter=\1", r"add --delimiter \1"),
    (r"contract\.iso_datetimes: true", "iso_datetimes=True", "--iso-datetimes"),
    (r"`?inputs: \{columns: \[(.*?)\]\}`?", _columns, _columns_option),
    (r"(?:[Ww]rite )?`?predict: \{method: predict\}`?", 'Pass method="predict"', "Add --method predict"),
    (r", or set predict_method: predict in the Launchpad", "", ""),
    (r"`?explain: \{output: ([^}]*)\}`?", r'output="\1"', r"--output \1"),
    (r",? (?:in|into|to) (?:its|the model's) YAML", "", ""),
    (r"contract\.max_rejected", "max_rejected", "--max-rejected"),
    (r"contract\.missing", "missing", "--missing"),
    (r"contract\.iso_datetimes", "iso_datetimes", "--iso-datetimes"),
    (r"inputs\.types", "types", "--types"),
    (r"inputs\.columns", "columns", "--columns"),
    (r"inputs\.row_key", "row_key", "--key"),
    (r"[Tt]ake it out of types", "Take it out of types", "Take it out of --types"),
    (r"give the column's type under types", "give the column's type in types", "give the column's type with --types"),
    (r"(?:Mend|Correct) its type in types", "Correct its type in types", "Correct its type in --types"),
    (r"Set row_key: \[(\w+)\]", r'Pass row_key=["\1"]', r"Add --key \1"),
    (r"add the columns to row_key", "add the columns to row_key", "add a --key for each of the columns"),
    (r"choose a row_key", "choose a row_key", "choose a --key"),
    (r"set follow_links: true under inputs", "name the folder that it is in", "name the folder that it is in"),
    (r"Set format to one of", "Set format to one of", "Set --format to one of"),
    (r"(?:Use )?predict_method: predict\b", 'Use method="predict"', "Use --method predict"),
    (
        r", the cause in the event log",
        ", the cause of this error",
        ", which Python shows: mlops_assets.score() and explain() have it as the cause of their error",
    ),
    (
        r"give the model fewer rows at once, `predict: \{batch_rows: \d+\}` or `explain: \{batch_rows: \d+\}`",
        "pass a part of the table at a time",
        "give it a part of the table at a time",
    ),
    (r"`explain: \{KIND: (\w+)\}`", r'explainer="\1"', r"--explainer \1"),
    (r"Set explain\.KIND: (\w+)", r'Pass explainer="\1"', r"Add --explainer \1"),
    (r"explain\.KIND", "explainer", "--explainer"),
    (r"explain\.space", "space", "--space"),
    (r"explain\.output", "output", "--output"),
    (r"explain\.background\b", "background", "--background"),
    (r"explain\.where", "where", "--where"),
    (r"explain\.limit", "limit", "--limit"),
    (r"explain\.sample", "sample", "--sample"),
    (r"correct `model:`", "correct the model's name", "correct the model's name"),
    (r"or tracking_uri$", "or pass tracking_uri", "or add --tracking-uri"),
    (r"[Pp]ublish as Parquet", "write a .parquet file", "write a .parquet file"),
    (r"use workers: 1", "pass workers=1", "use --workers 1"),
)
_ANY = re.compile("|".join(f"(?:{pattern})" for pattern, _, _ in _SETTINGS))


@contextmanager
def name_settings(style: Style) -> Iterator[None]:
    """Around calls of the rooms below: their errors name settings as the caller gives them."""
    try:
        yield
    except MlopsAssetsError as error:
        what = reword(error.what, style)
        fix = reword(error.fix, style) if error.fix else None
        # Its class may be somebody else's, with arguments of its own.
        MlopsAssetsError.__init__(error, what, where=error.where and reword(error.where, style), fix=fix)
        raise


def reword(text: str, style: Style) -> str:
    """`text` with the settings that it names as the caller gives them.

    Examples
    --------
    >>> reword("raise contract.max_rejected", "command")
    'raise --max-rejected'
    """

    def replacement(found: re.Match[str]) -> str:
        for pattern, python, command in _SETTINGS:
            if match := re.fullmatch(pattern, found[0]):
                chosen = python if style == "python" else command
                return match.expand(chosen) if isinstance(chosen, str) else chosen(match)
        return found[0]

    return _ANY.sub(replacement, text)
