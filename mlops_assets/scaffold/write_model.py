"""A model's YAML, written into a defs folder."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.code_location.env_file import load_env_file
from mlops_assets.errors import ConfigurationError
from mlops_assets.naming import ModelNames

if TYPE_CHECKING:
    from mlops_assets.examine.findings import Examination
    from mlops_assets.examine.request import ExaminationRequest

_COMPONENTS = ("mlops_assets.MlflowModelComponent", "mlops_assets.component.MlflowModelComponent")
_YAML_NAMES = ("defs.yaml", "defs.yml", "component.yaml")
ENV_FILE = ".env"


@dataclass(frozen=True)
class WrittenModel:
    """What was written.

    Attributes
    ----------
    examination
        What it is based on.
    text
        Of the YAML.
    files
        Those that are new.
    """

    examination: "Examination"
    text: str
    files: tuple[Path, ...] = ()

    @property
    def names(self) -> ModelNames:
        """The names of the model's assets and jobs."""
        from mlops_assets.examine.yaml_text import attributes

        settings = attributes(self.examination.proposal)
        return ModelNames(settings["model"], settings.get("name"))


def examine_for_project(request: "ExaminationRequest", defs_folder: Path | None, fallback_name: str) -> WrittenModel:
    """Examine, with a name that no other YAML of the project has; nothing is written.

    Parameters
    ----------
    defs_folder
        Where the project's other YAMLs are.
    fallback_name
        What this one is called where another is named after the same model.

    Raises
    ------
    ConfigurationError
        The name that was asked for, and the fallback, are taken.
    """
    from mlops_assets.examine.examine import examine
    from mlops_assets.examine.yaml_text import PLACEHOLDER, write_yaml

    load_env_file(request.root)
    if request.name is None:
        taken = set(used_names(defs_folder)) if defs_folder is not None else set()
        model = _name_or_none(request.model) if request.model is not None else PLACEHOLDER
        if model is not None and ModelNames(model).slug in taken:
            if ModelNames(fallback_name).slug in taken:
                raise ConfigurationError(
                    f"Another YAML of the project is named {model!r}", where=str(defs_folder), fix="Give another --name"
                )
            request = replace(request, name=fallback_name)
    examination = examine(request)
    if examination.env_line is not None:
        examination = note_env(examination, request.root)
    return WrittenModel(examination, write_yaml(examination))


def write_model(model: WrittenModel, folder: Path, root: Path) -> WrittenModel:
    """Write ``defs.yaml`` into `folder`, and ``.env`` where the registry has to be named in it and there is none.

    Raises
    ------
    ConfigurationError
        There is a ``defs.yaml`` already; it stays as it is.
    """
    return replace(model, files=write_yaml_file(model.text, folder, root, model.examination.env_line))


def write_yaml_file(text: str, folder: Path, root: Path, env_line: str | None) -> tuple[Path, ...]:
    """``defs.yaml`` in `folder`, and ``.env`` where it is needed; see `write_model`."""
    files = [create_file(folder / "defs.yaml", text)]
    if env_line is not None and not (root / ENV_FILE).exists():
        files.append(create_file(root / ENV_FILE, f"{env_line}\n"))
    return tuple(files)


def create_file(path: Path, text: str) -> Path:
    """Write a file that is not there yet.

    Raises
    ------
    ConfigurationError
        It is there, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConfigurationError(
            "The file is there already, and was not touched", where=str(path), fix="Choose another name, or remove it"
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"The file cannot be written: {error.strerror or type(error).__name__}",
            where=str(path),
            fix="Check the permissions, or choose another folder",
        ) from error
    return path


def used_names(defs_folder: Path) -> Iterator[str]:
    """What jobs are named after in the YAMLs of a defs folder, as the start of their names."""
    import yaml

    from mlops_assets.plain_yaml import PlainLoader

    for file in sorted(path for name in _YAML_NAMES for path in defs_folder.rglob(name)):
        try:
            documents = list(yaml.load_all(file.read_text("utf-8"), PlainLoader))
        except (yaml.YAMLError, OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
            continue  # `dg check yaml` reports it
        for document in documents:
            if isinstance(document, dict) and document.get("type") in _COMPONENTS:
                settings = document.get("attributes")
                if isinstance(settings, dict) and settings.get("model"):
                    name = settings.get("name")
                    yield ModelNames(str(settings["model"]), str(name) if name else None).slug


def note_env(examination: "Examination", root: Path) -> "Examination":
    """The line of ``.env`` as a finding, where it cannot simply be written."""
    from mlops_assets.examine.findings import Finding

    assert examination.env_line is not None
    lines = " and ".join(examination.env_line.splitlines())
    file = root / ENV_FILE
    if not file.exists():
        return examination
    finding = Finding(
        "registry", "red", "The project's runs would ask another registry", str(file), f"Add the line {lines} to it"
    )
    return replace(examination, findings=(finding, *examination.findings))


def _name_or_none(model: str) -> str | None:
    from mlops_assets.direct.model import parse_model
    from mlops_assets.models.model_uri import AliasUri, VersionUri

    try:
        address = parse_model(model)
    except ConfigurationError:
        return None  # the examination says what is wrong with it
    return address.name if isinstance(address, AliasUri | VersionUri) else None
