"""A YAML file that cannot be loaded: where, why, and the asset in its place."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import ValidationError

from mlops_assets.errors import ConfigurationError
from mlops_assets.mistakes import allowed_keys, describe_unknown_key
from mlops_assets.redaction.errors import redact_errors

GROUP = "broken_definitions"
ASSET = "broken_definition"
COMPONENT = "mlops_assets.MlflowModelComponent"
_FIX = "Correct the YAML and reload the code location"
_WRAPPING = ("ComponentTreeException", "ResolutionException")
_AT = re.compile(r"(?P<file>.*?):(?P<line>\d+) - (?P<key>\S+)")
# Dagster writes the position of a value of the YAML into the name of pydantic's field.
_PLACE = re.compile(r"`?(?P<key>.*?) at (?P<file>.*?):(?P<line>\d+)`?")


@dataclass(frozen=True)
class Broken(dg.Component):
    """A component that could not be loaded or built.

    Attributes
    ----------
    file
        The YAML, as its path below the project's folder.
    line
        Where in it; None where that is not known.
    reason
        What is wrong, in one line per mistake, without values of the YAML.
    folder
        Its folder below the defs folder, and the document's number where there are several: the asset's key.
    """

    file: str
    line: int | None
    reason: str
    folder: tuple[str, ...]

    @property
    def where(self) -> str:
        """``theirs/defs/fraud/defs.yaml:6``."""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """One asset that says what is wrong, and fails with it when it is materialized."""

        @dg.asset(
            key=[*self.folder, ASSET],
            group_name=GROUP,
            description=f"**{self.where} cannot be loaded**; its assets and jobs are missing.\n\n{self.reason}",
            metadata={"file": self.file, "line": self.line or 0, "reason": self.reason},
            kinds={"yaml"},
        )
        @redact_errors
        def fail() -> None:
            raise ConfigurationError(self.reason, where=self.where, fix=_FIX)

        return dg.Definitions(assets=[fail])


def describe_broken(
    error: BaseException, file: Path, root: Path, folder: Sequence[str], document: object = None
) -> Broken:
    """What is known of an error: the file, the line, the reason.

    Parameters
    ----------
    error
        As Dagster raised it; its causes are looked through for the one that a person can act on.
    file, root, folder
        The YAML, the project's folder, the YAML's folder below the defs folder.
    document
        The parsed YAML with its source positions, where it could be parsed.
    """
    causes = list(_causes(error))
    key_parts = [re.sub(r"[^A-Za-z0-9_.\-]", "_", part) for part in folder]
    place = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.as_posix()

    def broken_at(line: int | None, reason: str) -> Broken:
        return Broken(place, line, reason.strip(), tuple(key_parts))

    line, key = _resolved_at(causes)
    for cause in causes:
        if isinstance(cause, ValidationError):
            mistakes = list(_mistakes(cause, key, document))
            lines = [at for at, _ in mistakes if at is not None]
            return broken_at(min(lines, default=line), "\n".join(dict.fromkeys(text for _, text in mistakes)))
        mark = getattr(cause, "problem_mark", None)
        if mark is not None:
            problem = getattr(cause, "problem", None) or type(cause).__name__
            return broken_at(mark.line + 1, f"This is not YAML: {problem}")
    # The first that is not Dagster's wrapping, whose message quotes the YAML.
    cause = next((each for each in causes if type(each).__name__ not in _WRAPPING), causes[-1])
    reason = f"{key}: " if key else ""
    reason += f"{type(cause).__name__}: {cause}" if type(cause).__name__ not in _WRAPPING else "cannot be resolved"
    return broken_at(line or _line_of(reason, document) or _line_of_type(file), reason)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        # Dagster hides the origin of some errors, of which it has put the text into its own.
        seen = seen.__cause__ or seen.__context__


def _resolved_at(causes: Sequence[BaseException]) -> tuple[int | None, str]:
    """The line and the key of the YAML that Dagster was at, the most exact that it reports; (None, "") for none."""
    wrapping = (str(cause) for cause in causes if type(cause).__name__ in _WRAPPING)
    positions = [position for text in wrapping if (position := _AT.match(text))]
    nearest = max(positions, key=lambda position: len(position["key"]), default=None)
    return (int(nearest["line"]), nearest["key"]) if nearest else (None, "")


def _mistakes(error: ValidationError, at: str, document: Any) -> Iterator[tuple[int | None, str]]:
    """Line and text of each mistake; the values, which may be secrets, are left out."""
    mistakes = []
    for mistake in error.errors(include_url=False, include_input=False, include_context=False):
        named = _PLACE.fullmatch(str(mistake["loc"][0])) if len(mistake["loc"]) == 1 else None
        path = named["key"].split(".") if named else [*(at or "attributes").split("."), *map(str, mistake["loc"])]
        line = int(named["line"]) if named else None
        if line is None and document is not None and not at:
            line = document.source_position_tree.lookup_closest_and_path(path, None)[0].start.line
        mistakes.append((line, path, mistake["msg"].removeprefix("Value error, ")))
    # A group of settings may also be a template, which nobody meant who got a key of the group wrong.
    groups = {tuple(parts[:at]) for _, parts, _ in mistakes for at, part in enumerate(parts) if part.endswith("Model")}
    for line, parts, text in mistakes:
        if parts[-1] == "str" and tuple(parts[:-1]) in groups:
            continue
        key = ".".join(part for part in parts if not part.endswith("Model") and part != "str")
        yield line, f"{key}: {_unknown_key(key, document) if text.startswith('Extra inputs') else text}"


def _unknown_key(key: str, document: Any) -> str:
    """With the nearest known key and all that are allowed, where it is this package's component."""
    value = document.value if document is not None else None
    named = str(value.get("type", "")) if isinstance(value, Mapping) else ""
    group, _, wrong = key.removeprefix("attributes.").rpartition(".")
    # Here, because it brings pyarrow: loading the code location must cost no more than Dagster.
    from mlops_assets.settings.model import ModelSettings

    allowed = allowed_keys(ModelSettings, group.split(".") if group else []) if named.endswith(COMPONENT) else ()
    return describe_unknown_key(wrong, allowed) if allowed else "there is no such key"


def _line_of(reason: str, document: Any) -> int | None:
    """The line of the longest value of the YAML that the reason quotes; else the line where the document begins."""
    if document is None:
        return None
    quoted = [
        (len(value), tree.position.start.line)
        for value, tree in _leaves(document.value, document.source_position_tree)
        if f"'{value}'" in reason
    ]
    return max(quoted)[1] if quoted else int(document.source_position_tree.position.start.line)


def _leaves(value: object, tree: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, str):
        yield value, tree
        return
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        if key in tree.children:
            yield from _leaves(child, tree.children[key])


def _line_of_type(file: Path) -> int | None:
    """The line of `type:`, which is what is wrong where a file that is YAML could not be made into a document."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return next((number for number, line in enumerate(lines, 1) if line.startswith("type:")), None)
