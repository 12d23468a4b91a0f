"""What a model says of itself: its ``MLmodel`` file, read as plain data. Nothing is imported or deserialized."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from mlops_assets.errors import ArtifactsMissingError, TrustError

# A signature of ten thousand columns takes about 1 MB.
LARGEST_MLMODEL = 16 * 2**20

# Keys under a flavor whose value is a path inside the model's folder.
_PATH_KEYS = ("model_path", "data", "pickled_model", "python_model", "model_code_path", "code", "model_data", "path")


@dataclass(frozen=True)
class ModelDescription:
    """The parts of an ``MLmodel`` that decide whether and how a model is loaded.

    Attributes
    ----------
    folder
        Where the model's files lie.
    flavors
        Flavor name -> its settings, ``python_function`` included.
    model_id
        MLflow's id of the logged model, where it has one.
    """

    folder: Path
    flavors: Mapping[str, Mapping[str, Any]]
    model_id: str | None

    @classmethod
    def read(cls, folder: Path) -> "ModelDescription":
        """Read ``<folder>/MLmodel``.

        Raises
        ------
        ArtifactsMissingError
            There is no such file.
        TrustError
            It is too large, not YAML, or not what MLflow writes.
        """
        path = folder / "MLmodel"
        if not path.is_file():
            raise ArtifactsMissingError("The model has no MLmodel file", where=folder.name)
        if path.stat().st_size > LARGEST_MLMODEL:
            raise TrustError(
                f"The MLmodel file is larger than {LARGEST_MLMODEL // 2**20} MiB",
                where=folder.name,
                fix="Register the model again; MLflow writes a few kilobytes",
            )
        try:
            content = yaml.safe_load(path.read_text("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            raise TrustError(
                "The MLmodel file is not readable as YAML", where=folder.name, fix="Register the model again"
            ) from error
        flavors = content.get("flavors") if isinstance(content, dict) else None
        if not isinstance(flavors, dict) or not all(isinstance(value, dict) for value in flavors.values()):
            raise TrustError(
                "The MLmodel file names no flavors", where=folder.name, fix="Register the model again with MLflow"
            )
        model_id = content.get("model_id")
        return cls(folder, flavors, str(model_id) if model_id else None)

    @property
    def loader_module(self) -> str | None:
        """The module that MLflow's pyfunc would import and run."""
        return self.flavors.get("python_function", {}).get("loader_module")

    @property
    def native_flavor(self) -> str | None:
        """The library-specific flavor beside ``python_function``, if there is one."""
        return next((name for name in sorted(self.flavors) if name != "python_function"), None)

    def paths(self) -> dict[str, str]:
        """Every path that a flavor names: ``"<flavor>.<key>"`` -> relative path.

        Raises
        ------
        TrustError
            A path is absolute or leads out of the model's folder.
        """
        found = {}
        for flavor, settings in self.flavors.items():
            for key in _PATH_KEYS:
                value = settings.get(key)
                if isinstance(value, dict):
                    value = value.get("path")
                if not isinstance(value, str) or not value:
                    continue
                self._check_inside(f"{flavor}.{key}", value)
                found[f"{flavor}.{key}"] = value
        return found

    def check_complete(self) -> None:
        """Raise `ArtifactsMissingError` unless every file that a flavor names is there."""
        gone = sorted({path for path in self.paths().values() if not (self.folder / path).exists()})
        if gone:
            raise ArtifactsMissingError(
                f"The model lacks files that its flavor names: {', '.join(gone)}",
                where=f"flavors {', '.join(sorted(self.flavors))}",
                fix="Restore the artifacts, or register the model again and move the alias",
            )

    def _check_inside(self, key: str, value: str) -> None:
        path = PurePosixPath(value)
        inside = (self.folder / value).resolve().is_relative_to(self.folder.resolve())
        if path.is_absolute() or ".." in path.parts or "\\" in value or not inside:
            raise TrustError(
                f"The MLmodel's {key} leads out of the model's folder",
                where=self.folder.name,
                fix="Do not use this model: MLflow never writes such a path",
            )
