"""Following a message to the letter: what it quotes goes into the YAML, or is typed, and nothing else."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

# Messages of the package, as `dg launch` prints them; the name of the exception is the last in the traceback.
_RAISED = re.compile(r"^(?:mlops_assets\.errors\.)(\w+(?:Error)): (.+)$", re.MULTILINE)
_LOGGED = re.compile(r" - ERROR - .*? - ((?:[A-Z]|'')[^\n]*`[^\n]*)$", re.MULTILINE)
_QUOTED = re.compile(r"`([^`]+)`")
_COMMENTED = re.compile(r"in (\S+), line (\d+), remove the # and the blank after it")
_PLACEHOLDER = re.compile(r"\.\.\.|<\w+>|\b[A-Z]{3,}\b(?!_)")


@dataclass(frozen=True)
class Advice:
    """What a message tells a person to do.

    Attributes
    ----------
    settings
        Keys below ``attributes:`` of the YAML, with their values.
    commands
        Commands to type.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    commands: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.settings or self.commands)


def messages_of(output: str) -> list[str]:
    """The messages of this package in what a command printed, each once, in their order."""
    found = [match[2] for match in _RAISED.finditer(output)] + [match[1] for match in _LOGGED.finditer(output)]
    return list(dict.fromkeys(message.strip() for message in found))


def read_advice(message: str) -> Advice:
    """The first setting that the message quotes, and the commands; what the reader has to fill in is no advice."""
    settings: dict[str, Any] = {}
    commands: list[str] = []
    for quoted in _QUOTED.findall(message):
        if quoted.startswith(("pip ", "mlops-assets ", "dg ")):
            commands.append(quoted)
        elif not settings and not _PLACEHOLDER.search(quoted):
            settings = _settings_in(quoted)
    return Advice(settings, tuple(commands))


def _settings_in(quoted: str) -> dict[str, Any]:
    try:
        value = yaml.safe_load(quoted)
    except yaml.YAMLError:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) and re.fullmatch(r"[\w.]+", key) for key in value):
        return {}
    settings: dict[str, Any] = {}
    for dotted, setting in value.items():
        *groups, last = dotted.split(".")
        place = settings
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = setting
    return settings


def apply_settings(place: Path, settings: Mapping[str, Any]) -> int:
    """Write the settings into a defs.yaml; returns how many lines a person would have edited for that."""
    text = yaml.safe_load(place.read_text("utf-8"))
    lines = _merge(text["attributes"], settings)
    place.write_text(yaml.safe_dump(text, sort_keys=False), "utf-8")
    return lines


def remove_comment_mark(line_of_output: str, folder: Path) -> int:
    """Do what `init` says about a line of the YAML, from `folder`; returns how many lines were edited."""
    match = _COMMENTED.search(line_of_output)
    if match is None:
        return 0
    place, number = folder / match[1], int(match[2]) - 1
    lines = place.read_text("utf-8").splitlines(keepends=True)
    lines[number] = lines[number].replace("# ", "", 1)
    place.write_text("".join(lines), "utf-8")
    return 1


def _merge(into: dict[str, Any], settings: Mapping[str, Any]) -> int:
    lines = 0
    for key, value in settings.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            lines += _merge(into[key], value)
        elif into.get(key) != value:
            into[key] = value
            lines += 1
    return lines


def split_command(command: str) -> list[str]:
    return shlex.split(command)
