"""Signers: strategies that produce a signature for a model that carries none."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

if TYPE_CHECKING:
    from mlflow.models import ModelSignature


class Signer(dg.ConfigurableResource[Any], ABC):
    """Makes a signature from inputs and the outputs that a model gave for them.

    A subclass of your own is named in a model's YAML as ``signer: {KIND: your_module.YourSigner}``; its fields are
    settings there. It works outside Dagster as well: ``YourSigner().sign(inputs, outputs)``.
    """

    @abstractmethod
    def sign(self, inputs: Any, outputs: Any = None, params: Mapping[str, Any] | None = None) -> "ModelSignature":
        """A signature for `inputs` (a DataFrame, an ndarray, ...) and `outputs` (what the model returned for them).

        Raises
        ------
        SignatureError
            The message names every column at fault and its type.
        """


class InferSigner(Signer):
    """Infers the signature from a bounded sample of the data.

    Examples
    --------
    >>> import pandas as pd
    >>> signature = InferSigner().sign(pd.DataFrame({"age": [31.0, 47.5]}), [0, 1])
    >>> signature.inputs.input_names()
    ['age']
    """

    sample_rows: int = Field(default=1000, description="Rows of the sample the types are inferred from.", gt=0)

    def sign(self, inputs: Any, outputs: Any = None, params: Mapping[str, Any] | None = None) -> "ModelSignature":
        from mlops_assets.signatures.infer import infer_signature

        return infer_signature(inputs, outputs, params)


SIGNERS: dict[str, type[Signer]] = {"InferSigner": InferSigner}
