"""Paying for MLflow's enforcement once: predicting on conformed rows without a second check.

`PyFuncModel.predict` reads the input schema from the model's metadata at every call, and `PyFuncModel.metadata` and
`Model.signature` are public and settable. A loaded model whose metadata has no input schema passes its input on as it
is, still checks `params`, and works the same for native flavors and Python models. Nothing on disk changes.
"""

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import PyFuncModel


def stop_enforcing_inputs(model: "PyFuncModel") -> "ModelSignature | None":
    """Make `model.predict` pass its input on unchecked and uncopied; return the signature it was loaded with.

    Params are still validated. Models whose signature comes from type hints check their own input and are left alone.
    Call it once, after loading; afterwards `model.metadata.signature` has no inputs, so keep what this returns.
    """
    from mlflow.models import ModelSignature

    recorded = cast("ModelSignature | None", model.metadata.signature)
    # MLflow has no public name for this flag, nor for the one below (3.17, `mlflow/models/signature.py`).
    if recorded is None or recorded.inputs is None or recorded._is_signature_from_type_hint:  # noqa: SLF001
        return recorded
    if not recorded.outputs and not recorded.params:
        model.metadata.signature = None
        return recorded
    relaxed = ModelSignature(outputs=recorded.outputs, params=recorded.params)
    # How a frame is turned back into the form of the stored example is decided by this flag, not by the schema.
    relaxed._is_type_hint_from_example = recorded._is_type_hint_from_example  # noqa: SLF001
    model.metadata.signature = relaxed
    return recorded
