"""Signatures whose names are text, whatever the model was logged with: the DataFrame of an array has numbers."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.types import Schema


def with_text_names(signature: "ModelSignature") -> "ModelSignature":
    """`signature` with names of inputs and outputs as text, as tables have them; itself where they are.

    MLflow keeps the numbers that ``pd.DataFrame(array)`` has for names (seen in 3.17). No table has such names.
    """
    from mlflow.models import ModelSignature

    inputs, outputs = _text_names(signature.inputs), _text_names(signature.outputs)
    if inputs is signature.inputs and outputs is signature.outputs:
        return signature
    named: ModelSignature = ModelSignature(inputs=inputs, outputs=outputs, params=signature.params)
    return named


def own_names(signature: "ModelSignature | None") -> dict[str, object]:
    """Text -> name, of the inputs of a signature whose names are not text; empty where they are."""
    if signature is None or signature.inputs is None or not signature.inputs.has_input_names():
        return {}
    names = [spec.name for spec in signature.inputs.inputs]
    return {} if all(isinstance(name, str) for name in names) else {str(name): name for name in names}


def _text_names(schema: "Schema | None") -> "Schema | None":
    from mlflow.types import ColSpec, Schema, TensorSpec

    if schema is None or all(spec.name is None or isinstance(spec.name, str) for spec in schema.inputs):
        return schema
    named: list[ColSpec | TensorSpec] = [
        TensorSpec(spec.type, spec.shape, str(spec.name))
        if isinstance(spec, TensorSpec)
        else ColSpec(spec.type, str(spec.name), required=spec.required)
        for spec in schema.inputs
    ]
    return Schema(named)
