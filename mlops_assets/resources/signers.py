"""Signers: strategies that produce a signature for a model."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import dagster as dg
from pydantic import Field

from mlops_assets.errors import ConfigurationError, SignatureError
from mlops_assets.mistakes import ReadableModel
from mlops_assets.models.signature_of_version import signature_in_folder
from mlops_assets.strategies import Strategy, by_kind

if TYPE_CHECKING:
    from mlflow.models import ModelSignature


class SigningSample(Protocol):
    """Where a signer gets data from, when it needs any."""

    def inputs(self) -> Any:
        """Rows of the table that is to be scored, without their key."""

    def answers(self, inputs: Any) -> Any:
        """What the model, loaded under the trust policy, returns for `inputs`."""


@dataclass(frozen=True)
class SignedBy:
    """A signature and how it came about, as one phrase."""

    signature: "ModelSignature"
    origin: str


class Signer(Strategy, ReadableModel, dg.ConfigurableResource[Any], ABC):
    """Makes a signature from inputs and the outputs that a model gave for them.

    A subclass of your own is named in a model's YAML as ``signer: {KIND: your_module.YourSigner}``; its fields are
    settings there. It works outside Dagster as well: ``YourSigner().sign(inputs, outputs)``.

    Attributes
    ----------
    reads_inputs
        Whether it asks for a sample of the inputs, where the model has no signature: then `model_signature` depends on
        them.
    """

    reads_inputs: ClassVar[bool] = True

    @abstractmethod
    def sign(self, inputs: Any, outputs: Any = None, params: Mapping[str, Any] | None = None) -> "ModelSignature":
        """A signature for `inputs` (a DataFrame, an ndarray, ...) and `outputs` (what the model returned for them).

        Raises
        ------
        SignatureError
            The message names every column at fault and its type.
        """

    def sign_version(self, folder: Path, sample: SigningSample, *, anew: bool = False) -> SignedBy:
        """The signature of the model in `folder`: the recorded one (unless `anew`), else what `sign` makes."""
        recorded = signature_in_folder(folder)
        if recorded is not None and not anew:
            return SignedBy(recorded, "recorded with the model")
        inputs = sample.inputs()
        signature = self.sign(inputs, sample.answers(inputs))
        return SignedBy(signature, f"made by {type(self).__name__} from a sample of the inputs")


class InferSigner(Signer):
    """Infers the signature from a bounded sample of the data, where the model has none recorded.

    Examples
    --------
    >>> import pandas as pd
    >>> signature = InferSigner().sign(pd.DataFrame({"age": [31, None]}, dtype="Int64"), [0.1, 0.9])
    >>> signature.inputs
    ['age': long (optional)]
    """

    KIND: ClassVar[Literal["InferSigner"]] = "InferSigner"

    sample_rows: int = Field(
        default=1000, description="Number of input rows from which the types are inferred.", gt=0, examples=[1000]
    )

    def sign(self, inputs: Any, outputs: Any = None, params: Mapping[str, Any] | None = None) -> "ModelSignature":
        from mlops_assets.signatures.infer.infer_signature import infer_signature

        return infer_signature(inputs, outputs, params, self.sample_rows)


class RecordedSigner(Signer):
    """What the model version carries, and nothing else: a model without a signature is refused.

    Outside Dagster, `folder` names a model's folder.

    Examples
    --------
    >>> RecordedSigner(folder="model").sign(None)                                     # doctest: +SKIP
    """

    KIND: ClassVar[Literal["RecordedSigner"]] = "RecordedSigner"

    reads_inputs: ClassVar[bool] = False

    folder: str | None = Field(
        default=None,
        description="Outside Dagster: the folder of the logged model. Null: the version of the run.",
        examples=["models/churn"],
    )

    def sign(self, inputs: Any, outputs: Any = None, params: Mapping[str, Any] | None = None) -> "ModelSignature":
        return self.sign_version(_given(self.folder, "RecordedSigner"), _NO_SAMPLE).signature

    def sign_version(self, folder: Path, sample: SigningSample, *, anew: bool = False) -> SignedBy:
        recorded = signature_in_folder(folder)
        if recorded is None:
            raise SignatureError(
                "The model version has no signature",
                where="RecordedSigner",
                fix="Log the model with a signature, run the model's sign job, or use `signer: {KIND: InferSigner}`",
            )
        return SignedBy(recorded, "recorded with the model")


class ExampleSigner(Signer):
    """Infers the inputs from the input example stored with the model, and the outputs from its answer to it.

    Outside Dagster, `folder` names a model's folder and `outputs` are what the model returned for its example.

    Examples
    --------
    >>> ExampleSigner(folder="model").sign(None, outputs=[0, 1])                      # doctest: +SKIP
    """

    KIND: ClassVar[Literal["ExampleSigner"]] = "ExampleSigner"

    reads_inputs: ClassVar[bool] = False

    folder: str | None = Field(
        default=None,
        description="Outside Dagster: the folder of the logged model. Null: the version of the run.",
        examples=["models/churn"],
    )

    def sign(self, inputs: Any, outputs: Any = None, params: Mapping[str, Any] | None = None) -> "ModelSignature":
        from mlops_assets.signatures.infer.infer_signature import infer_signature

        example = input_example(_given(self.folder, "ExampleSigner")) if inputs is None else inputs
        return infer_signature(example, outputs, params)

    def sign_version(self, folder: Path, sample: SigningSample, *, anew: bool = False) -> SignedBy:
        recorded = signature_in_folder(folder)
        if recorded is not None and not anew:
            return SignedBy(recorded, "recorded with the model")
        example = input_example(folder)
        return SignedBy(
            self.sign(example, sample.answers(example)), "made by ExampleSigner from the stored input example"
        )


class ManualSigner(Signer):
    """A signature written by a person, in YAML or JSON; it takes precedence over a recorded one.

    Examples
    --------
    >>> signer = ManualSigner(signature={"inputs": {"age": "double"}, "outputs": {"risk": "double"}})
    >>> signer.sign(None).inputs
    ['age': double (required)]
    """

    KIND: ClassVar[Literal["ManualSigner"]] = "ManualSigner"

    reads_inputs: ClassVar[bool] = False

    signature: dict[str, Any] | None = Field(
        default=None,
        description="The signature: column -> type, or {type, required}, under inputs and outputs. Set signature or "
        "path.",
        examples=[
            {"inputs": {"age": "double", "name": {"type": "string", "required": False}}, "outputs": {"score": "double"}}
        ],
    )
    path: str | None = Field(
        default=None,
        description="Instead of signature: a YAML or JSON file that contains it.",
        examples=["signatures/churn.yaml"],
    )

    def sign(
        self, inputs: Any = None, outputs: Any = None, params: Mapping[str, Any] | None = None
    ) -> "ModelSignature":
        from mlops_assets.signatures.infer.manual import signature_from_dict, signature_from_text

        if (self.signature is None) == (self.path is None):
            raise ConfigurationError("ManualSigner needs exactly one of `signature` and `path`", where="signer")
        if self.path is None:
            return signature_from_dict(self.signature or {}, where="signer.signature")
        file = Path(self.path)
        if not file.is_file():
            raise ConfigurationError("There is no such file", where=f"signer.path: {self.path}", fix="Correct the path")
        return signature_from_text(file.read_text("utf-8"), where=self.path)

    def sign_version(self, folder: Path, sample: SigningSample, *, anew: bool = False) -> SignedBy:
        return SignedBy(self.sign(), "written by hand: ManualSigner")


def input_example(folder: Path) -> Any:
    """The input example stored with a model: JSON, read as data.

    Raises
    ------
    SignatureError
        There is none, or it is outside the model's folder.
    """
    from mlflow.models import Model

    model = Model.load(str(folder))
    example_path = (model.saved_input_example_info or {}).get("artifact_path")
    if example_path is None:
        raise SignatureError(
            "The model has no input example",
            where="ExampleSigner",
            fix="Log the model with input_example=..., or infer",
        )
    if not (folder / example_path).resolve().is_relative_to(folder.resolve()):
        raise SignatureError("The model's input example is outside its folder", where="ExampleSigner")
    return model.load_input_example(str(folder))


class _NoSample:
    def inputs(self) -> Any:
        raise SignatureError("There is no sample of the inputs here")

    def answers(self, inputs: Any) -> Any:
        raise SignatureError("There is no model to ask here")


_NO_SAMPLE = _NoSample()


def _given(folder: str | None, signer: str) -> Path:
    if folder is None:
        raise ConfigurationError(f"{signer} needs `folder` outside Dagster", fix=f'{signer}(folder="the model")')
    return Path(folder)


SIGNERS: dict[str, type[Signer]] = by_kind(ExampleSigner, InferSigner, ManualSigner, RecordedSigner)
