"""What a model says of itself: its ``MLmodel`` file, read once, as plain data. Nothing is imported or deserialized.

What is judged here is what is used: loaders get `ModelDescription.to_mlmodel`, never the file that was read.
"""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from mlops_assets.errors import ArtifactsMissingError, TrustError
from mlops_assets.models.digest import WRITTEN_AFTER_DOWNLOAD
from mlops_assets.models.mlmodel_yaml import RefusedYamlError, read_yaml, write_yaml

# Keys under a flavor whose value is a path inside the model's folder.
_PATH_KEYS = ("model_path", "data", "pickled_model", "python_model", "model_code_path", "code", "model_data", "path")
_EXAMPLE_PATH_KEYS = ("artifact_path", "serving_input_path")
PYFUNC = "python_function"
# What loading needs. MLflow makes attributes of every other key, which may have the name of a method; and it would read
# the input example, fetch the prompts and resolve the resources that a file names.
_KEYS_TO_LOAD = (
    *("artifact_path", "flavors", "is_signature_from_type_hint", "metadata", "mlflow_version", "model_id"),
    *("model_size_bytes", "model_uuid", "run_id", "signature", "type_hint_from_example", "utc_time_created"),
)
_KEYS_TO_REGISTER = (
    *_KEYS_TO_LOAD,
    *("auth_policy", "databricks_runtime", "env_vars", "prompts", "resources", "saved_input_example_info"),
)
_REGISTER_AGAIN = "Register the model again with MLflow"


@dataclass(frozen=True)
class ModelDescription:
    """The parts of an ``MLmodel`` that decide whether and how a model is loaded.

    Attributes
    ----------
    folder
        Where the model's files are.
    flavors
        Flavor name -> its settings, ``python_function`` included.
    model_id
        MLflow's id of the logged model, where it has one.
    input_example
        What it says of an example of its input.
    content
        All that it says.
    """

    folder: Path
    flavors: Mapping[str, Mapping[str, Any]]
    model_id: str | None
    input_example: Mapping[str, Any] = field(default_factory=dict)
    content: Mapping[str, Any] = field(default_factory=dict)

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
        if path.is_symlink() or not path.is_file():
            raise ArtifactsMissingError("The model has no MLmodel file", where=folder.name)
        try:
            content = read_yaml(path)
        except RefusedYamlError as error:
            raise TrustError(
                f"The MLmodel file was not read: {error}", where=folder.name, fix=_REGISTER_AGAIN
            ) from error
        if not isinstance(content, dict):
            content = {}
        flavors = content.get("flavors")
        if (
            not isinstance(flavors, dict)
            or not flavors
            or not all(isinstance(name, str) and isinstance(value, dict) for name, value in flavors.items())
        ):
            raise TrustError("The MLmodel file names no flavors", where=folder.name, fix=_REGISTER_AGAIN)
        model_id, example = content.get("model_id"), content.get("saved_input_example_info")
        return cls(
            folder,
            flavors,
            str(model_id) if model_id else None,
            example if isinstance(example, dict) else {},
            content,
        )

    def content_to_register(self) -> dict[str, Any]:
        """What it says under MLflow's own keys."""
        return {key: self.content[key] for key in _KEYS_TO_REGISTER if key in self.content}

    def to_mlmodel(self, skops_types: Iterable[str] | None = None) -> bytes:
        """The ``MLmodel`` that loaders get: what was judged, written anew in ASCII, and nothing else.

        Parameters
        ----------
        skops_types
            When given, the list of types that MLflow lets the model's own flavor load.

        Raises
        ------
        TrustError
            It holds what no ``MLmodel`` holds.
        """
        content = {key: self.content[key] for key in _KEYS_TO_LOAD if key in self.content}
        flavors = {name: dict(settings) for name, settings in self.flavors.items()}
        if skops_types is not None:
            flavors[self.flavor]["skops_trusted_types"] = sorted(skops_types)
        try:
            return write_yaml(content | {"flavors": flavors})
        except RefusedYamlError as error:
            raise TrustError(
                f"The MLmodel file was not used: {error}", where=self.folder.name, fix=_REGISTER_AGAIN
            ) from error

    @property
    def loader_module(self) -> str | None:
        """The module that MLflow's pyfunc would import and run."""
        loader = self.flavors.get(PYFUNC, {}).get("loader_module")
        return loader if isinstance(loader, str) else None

    @property
    def predict_fn(self) -> str:
        """The method that MLflow's pyfunc calls."""
        return str(self.flavors.get(PYFUNC, {}).get("predict_fn", "predict"))

    @property
    def flavor(self) -> str:
        """The flavor that loads the model: the library's own, or ``python_function`` for everything custom.

        It follows from the loader module, not from what else the file claims.
        """
        name = (self.loader_module or "").removeprefix("mlflow.")
        return name if name in self.flavors else PYFUNC

    def paths(self) -> dict[str, str]:
        """Every path that a flavor names: ``"<flavor>.<key>"`` -> relative path.

        Raises
        ------
        TrustError
            A path is absolute, leads out of the model's folder, or is not text.
        """
        paths = {}
        for flavor, settings in self.flavors.items():
            for key in _PATH_KEYS:
                value = settings.get(key)
                if isinstance(value, dict):
                    value = value.get("path")
                if value in (None, ""):
                    continue
                if key == "model_code_path" and isinstance(value, str):
                    # MLflow writes the author's path, and reads the file of that name in the model's folder.
                    value = posixpath.basename(value)
                paths[f"{flavor}.{key}"] = self._inside(f"{flavor}.{key}", value)
            artifacts = settings.get("artifacts")
            for name, artifact in (artifacts if isinstance(artifacts, dict) else {}).items():
                value = artifact.get("path") if isinstance(artifact, dict) else artifact
                paths[f"{flavor}.artifacts.{name}"] = self._inside(f"{flavor}.artifacts.{name}", value)
        for key in _EXAMPLE_PATH_KEYS:
            if self.input_example.get(key) not in (None, ""):
                # It may be gone: MLflow loads a model without its example.
                self._inside(f"saved_input_example_info.{key}", self.input_example[key])
        return paths

    def check_complete(self) -> None:
        """Raise `ArtifactsMissingError` unless every file that a flavor names is there."""
        gone = sorted({path for path in self.paths().values() if not (self.folder / path).exists()})
        if gone:
            raise ArtifactsMissingError(
                f"The model lacks files that its flavor names: {', '.join(repr(path) for path in gone)}",
                where=f"flavors {', '.join(sorted(repr(flavor) for flavor in self.flavors))}",
                fix="Restore the artifacts, or register the model again and move the alias",
            )

    def _inside(self, key: str, value: object) -> str:
        inside = (
            isinstance(value, str)
            and not PurePosixPath(value).is_absolute()
            and ".." not in PurePosixPath(value).parts
            and not {"\\", "\0", ":"} & set(value)
            and PurePosixPath(value).parts[:1] != (WRITTEN_AFTER_DOWNLOAD,)
            and (self.folder / value).resolve().is_relative_to(self.folder.resolve())
        )
        if not isinstance(value, str) or not inside:
            raise TrustError(
                f"The MLmodel's {key!r} leads out of the model's folder",
                where=self.folder.name,
                fix="Do not use this model: MLflow never writes such a path",
            )
        return value
