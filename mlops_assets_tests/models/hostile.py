"""Models that harm whoever loads them: each writes a marker file when any of its code runs."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import mlflow.lightgbm
import mlflow.pyfunc
import mlflow.sklearn
import mlflow.xgboost
import numpy as np
import xgboost
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer
from skops.io import dump

from mlops_assets_tests.models.conftest import edit_mlmodel, save_sklearn

X = np.arange(12.0).reshape(6, 2)
Y = np.array([0, 1, 0, 1, 1, 0])


class Payload:
    """Its pickle writes the marker when it is read."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return exec, (f"open({str(self.marker)!r}, 'w').close()",)


def linear(folder: Path, **options: Any) -> Path:
    return save_sklearn(LinearRegression().fit(X, Y), folder, **options)


def flavor(folder: Path, name: str, **settings: Any) -> Path:
    return edit_mlmodel(folder, lambda content: content["flavors"].setdefault(name, {}).update(settings))


# --- pickles ---


def pickled_model(folder: Path, marker: Path) -> None:
    linear(folder, serialization_format="cloudpickle", skops_trusted_types=None)
    (folder / "model.pkl").write_bytes(pickle.dumps(Payload(marker)))


def pickled_model_without_a_format(folder: Path, marker: Path) -> None:
    pickled_model(folder, marker)
    edit_mlmodel(folder, lambda content: content["flavors"]["sklearn"].pop("serialization_format"))


def pickle_called_skops_by_its_name(folder: Path, marker: Path) -> None:
    linear(folder)
    (folder / "model.skops").write_bytes(pickle.dumps(Payload(marker)))
    flavor(folder, "sklearn", serialization_format="cloudpickle")


def pickle_called_skops_by_another_flavor(folder: Path, marker: Path) -> None:
    """Whoever merges the flavors' settings reads `skops`; MLflow reads the flavor of the loader."""
    pickle_called_skops_by_its_name(folder, marker)
    flavor(folder, "zzz", serialization_format="skops", pickled_model="model.skops")


def pickle_and_skops_in_one_file(folder: Path, marker: Path) -> None:
    """A zip archive may follow anything: one reader sees a harmless skops file, the other a pickle."""
    linear(folder)
    (folder / "inner").mkdir()
    zipped = (folder / "model.skops").read_bytes()
    (folder / "inner/model.skops").write_bytes(pickle.dumps(Payload(marker), protocol=0) + zipped)
    flavor(folder, "python_function", data="inner")
    nested = {
        "flavors": {"sklearn": {"serialization_format": "pickle"}, "python_function": {"model_path": "model.skops"}}
    }
    (folder / "inner/MLmodel").write_text(json.dumps(nested))


def pickled_lightgbm(folder: Path, marker: Path) -> None:
    model = lightgbm.LGBMClassifier(n_estimators=1, verbose=-1).fit(X, Y)
    mlflow.lightgbm.save_model(model, folder, pip_requirements=["lightgbm"], serialization_format="cloudpickle")
    (folder / "model.pkl").write_bytes(pickle.dumps(Payload(marker)))


class HostileModel(mlflow.pyfunc.PythonModel):
    def __init__(self, marker: Path) -> None:
        self.payload = Payload(marker)

    def predict(self, context, model_input, params=None):
        return model_input


def pickled_python_model(folder: Path, marker: Path) -> None:
    mlflow.pyfunc.save_model(folder, python_model=HostileModel(marker), pip_requirements=["mlflow"])


def pickled_function(folder: Path, marker: Path) -> None:
    payload = Payload(marker)

    def predict(model_input: list[str]) -> list[str]:
        return [*model_input, str(payload)]

    mlflow.pyfunc.save_model(folder, python_model=predict, pip_requirements=["mlflow"])


# --- code ---


def script(folder: Path, marker: Path) -> None:
    """Models-from-code: the model is a Python file that is run."""
    source = folder.with_name("model_as_code.py")
    source.write_text(
        "import mlflow\nfrom pathlib import Path\n"
        f"Path({str(marker)!r}).touch()\n"
        "class Model(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n        return model_input\n"
        "mlflow.models.set_model(Model())\n"
    )
    mlflow.pyfunc.save_model(folder, python_model=str(source), pip_requirements=["mlflow"])
    marker.unlink(missing_ok=True)  # saving has run it


def own_code(folder: Path, marker: Path) -> None:
    """A harmless model that brings a module named like one that is imported anyway."""
    code = folder.with_name("code_of_the_model")
    code.mkdir()
    (code / "hostile_loader.py").write_text(
        f"open({str(marker)!r}, 'w').close()\ndef _load_pyfunc(path):\n    return None\n"
    )
    linear(folder, code_paths=[str(code)])
    flavor(folder, "python_function", loader_module="hostile_loader", code="code/code_of_the_model")


def foreign_loader(folder: Path, marker: Path) -> None:
    """A module of the environment, not of the model: import alone would run it."""
    linear(folder)
    flavor(folder, "python_function", loader_module="hostile_module")


def class_by_name(folder: Path, marker: Path) -> None:
    mlflow.xgboost.save_model(xgboost.XGBClassifier(n_estimators=1).fit(X, Y), folder, pip_requirements=["xgboost"])
    flavor(folder, "xgboost", model_class="hostile_module.Anything")


def class_by_name_in_a_second_mlmodel(folder: Path, marker: Path) -> None:
    """MLflow's loader reads the settings that lie beside the data."""
    mlflow.xgboost.save_model(xgboost.XGBClassifier(n_estimators=1).fit(X, Y), folder, pip_requirements=["xgboost"])
    (folder / "inner").mkdir()
    (folder / "model.ubj").rename(folder / "inner/model.ubj")
    flavor(folder, "xgboost", data="inner/model.ubj")
    flavor(folder, "python_function", data="inner/model.ubj")
    nested = {"flavors": {"xgboost": {"model_class": "hostile_module.Anything", "data": "model.ubj"}}}
    (folder / "inner/MLmodel").write_text(json.dumps(nested))


# What runs where it is allowed to: the payloads are live.
LIVE: dict[str, Callable[[Path, Path], None]] = {
    maker.__name__: maker
    for maker in (
        pickled_model,
        pickled_model_without_a_format,
        pickle_called_skops_by_its_name,
        pickle_called_skops_by_another_flavor,
        pickle_and_skops_in_one_file,
        pickled_lightgbm,
        pickled_python_model,
        pickled_function,
        script,
        own_code,
        foreign_loader,
        class_by_name,
        class_by_name_in_a_second_mlmodel,
    )
}


# --- what MLflow would not run today, and nobody should store ---


def pickle_as_input_example(folder: Path, marker: Path) -> None:
    linear(folder)
    (folder / "input_example.pkl").write_bytes(pickle.dumps(Payload(marker)))
    example = {"artifact_path": "input_example.pkl", "type": "ndarray", "format": "tf-serving"}
    edit_mlmodel(folder, lambda content: content.update(saved_input_example_info=example))


def pickle_in_a_nested_artifact(folder: Path, marker: Path) -> None:
    linear(folder)
    (folder / "artifacts/encoders").mkdir(parents=True)
    # The oldest protocol has no number at its start.
    (folder / "artifacts/encoders/city.joblib").write_bytes(pickle.dumps(Payload(marker), protocol=0))


def pickle_without_its_suffix(folder: Path, marker: Path) -> None:
    linear(folder)
    (folder / "artifacts").mkdir()
    (folder / "artifacts/readme.txt").write_bytes(pickle.dumps(Payload(marker)))


def pickle_said_to_be_skops(folder: Path, marker: Path) -> None:
    linear(folder)
    (folder / "model.skops").write_bytes(pickle.dumps(Payload(marker)))


def skops_after_a_pickle(folder: Path, marker: Path) -> None:
    linear(folder)
    zipped = (folder / "model.skops").read_bytes()
    (folder / "model.skops").write_bytes(pickle.dumps(Payload(marker), protocol=0) + zipped)


def no_loader(folder: Path, marker: Path) -> None:
    linear(folder)
    edit_mlmodel(folder, lambda content: content["flavors"]["python_function"].pop("loader_module"))


def loader_that_is_no_text(folder: Path, marker: Path) -> None:
    linear(folder)
    flavor(folder, "python_function", loader_module=["mlflow.sklearn"])


def loader_of_another_flavor(folder: Path, marker: Path) -> None:
    linear(folder)
    flavor(folder, "python_function", loader_module="mlflow.xgboost")


def unpickling_flavor_of_mlflow(folder: Path, marker: Path) -> None:
    linear(folder)
    flavor(folder, "python_function", loader_module="mlflow.statsmodels")


def hostile_predict_method(folder: Path, marker: Path) -> None:
    linear(folder)
    flavor(folder, "python_function", predict_fn="__reduce_ex__")


def class_that_is_no_text(folder: Path, marker: Path) -> None:
    class_by_name(folder, marker)
    flavor(folder, "xgboost", model_class={"a": 1})


def library_of_an_onnx_provider(folder: Path, marker: Path) -> None:
    linear(folder)
    (folder / "model.onnx").write_bytes(b"\x08\x07")
    flavor(folder, "python_function", loader_module="mlflow.onnx", data="model.onnx")
    provider = ["TensorrtExecutionProvider", {"trt_extra_plugin_lib_paths": "/tmp/hostile.so"}]
    flavor(folder, "onnx", data="model.onnx", providers=[provider])


def options_of_an_onnx_session(folder: Path, marker: Path) -> None:
    linear(folder)
    (folder / "model.onnx").write_bytes(b"\x08\x07")
    flavor(folder, "python_function", loader_module="mlflow.onnx", data="model.onnx")
    flavor(folder, "onnx", data="model.onnx", onnx_session_options={"extra_session_config": {"ep.library": "x.so"}})


def pytorch(folder: Path, marker: Path) -> None:
    linear(folder)
    (folder / "data").mkdir()
    (folder / "data/model.pt2").write_bytes(b"PK")
    flavor(folder, "python_function", loader_module="mlflow.pytorch", data="data")
    flavor(folder, "pytorch", model_data="data", serialization_format="pt2")


def path_upwards(folder: Path, marker: Path) -> None:
    linear(folder)
    flavor(folder, "python_function", model_path="../model.skops")


def path_upwards_inside(folder: Path, marker: Path) -> None:
    linear(folder)
    flavor(folder, "python_function", model_path="a/../model.skops")


def absolute_path(folder: Path, marker: Path) -> None:
    linear(folder)
    flavor(folder, "sklearn", pickled_model="/etc/hostname")


def path_of_windows(folder: Path, marker: Path) -> None:
    linear(folder)
    flavor(folder, "python_function", model_path="..\\model.skops")


def path_that_is_no_text(folder: Path, marker: Path) -> None:
    linear(folder)
    flavor(folder, "python_function", model_path=["model.skops"])


def path_of_what_the_digest_leaves_out(folder: Path, marker: Path) -> None:
    linear(folder)
    flavor(folder, "python_function", model_path="registered_model_meta")


def input_example_elsewhere(folder: Path, marker: Path) -> None:
    linear(folder)
    example = {"artifact_path": "../../secret.json", "type": "json_object"}
    edit_mlmodel(folder, lambda content: content.update(saved_input_example_info=example))


def artifact_elsewhere(folder: Path, marker: Path) -> None:
    linear(folder)
    flavor(folder, "python_function", artifacts={"encoder": {"path": "../secret", "uri": "s3://a/b"}})


def link_out_of_the_folder(folder: Path, marker: Path) -> None:
    linear(folder)
    (folder / "model.skops").rename(folder.with_name("outside.skops"))
    (folder / "model.skops").symlink_to(folder.with_name("outside.skops"))


def link_to_a_folder_outside(folder: Path, marker: Path) -> None:
    linear(folder)
    folder.with_name("outside").mkdir()
    (folder / "artifacts").symlink_to(folder.with_name("outside"))


def skops_schema(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Rewrite the schema inside a model's skops file."""
    with zipfile.ZipFile(folder / "model.skops") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["schema.json"] = json.dumps(change(json.loads(parts["schema.json"]))).encode()
    with zipfile.ZipFile(folder / "model.skops", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def calling(function: str, *arguments: str) -> dict[str, Any]:
    """The state of ``functools.partial(function, *arguments)``."""
    module, _, name = function.rpartition(".")
    text = [
        {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(each)}
        for each in arguments
    ]
    empty = {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "content": {}}
    empty["key_types"] = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": []}
    return {
        "__class__": "partial",
        "__module__": "functools",
        "__loader__": "PartialNode",
        "content": {
            "func": {"__class__": name, "__module__": module, "__loader__": "FunctionNode"},
            "args": {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "content": text},
            "kwds": empty,
            "namespace": empty,
        },
    }


def skops_with_a_function(folder: Path, marker: Path) -> None:
    """The model's own list trusts it, as MLflow would."""
    import os

    linear(folder)
    dump(FunctionTransformer(os.system), folder / "model.skops")
    flavor(folder, "sklearn", skops_trusted_types=["posix.system"])


def skops_with_a_call_of_eval(folder: Path, marker: Path) -> None:
    linear(folder)
    skops_schema(folder, lambda schema: schema | calling("builtins.eval", f"open({str(marker)!r}, 'w')"))
    flavor(folder, "sklearn", skops_trusted_types=["builtins.eval", "functools.partial"])


def skops_that_constructs_what_it_names(folder: Path, marker: Path) -> None:
    linear(folder)
    arguments = {
        "__class__": "str",
        "__module__": "builtins",
        "__loader__": "JsonNode",
        "content": json.dumps([f"touch {marker}"]),
    }
    state = {"__class__": "system", "__module__": "os", "__loader__": "ConstructorFromReduceNode", "content": arguments}
    skops_schema(folder, lambda schema: {**state, "protocol": schema["protocol"]})
    flavor(folder, "sklearn", skops_trusted_types=["os.system"])


def skops_with_an_operator(folder: Path, marker: Path) -> None:
    import operator

    linear(folder)
    dump(FunctionTransformer(operator.methodcaller("to_pickle", str(marker))), folder / "model.skops")
    flavor(folder, "sklearn", skops_trusted_types=["operator.methodcaller"])


def skops_of_types_with_hostile_names(folder: Path, marker: Path) -> None:
    linear(folder)
    name = "<script>alert(1)</script>\n# **bold**](javascript:x)"
    skops_schema(folder, lambda schema: schema | {"__class__": name})


def skops_with_a_bomb(folder: Path, marker: Path) -> None:
    linear(folder)
    with zipfile.ZipFile(folder / "model.skops", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.npy", bytes(2_000_000))


def skops_nested_without_end(folder: Path, marker: Path) -> None:
    linear(folder)
    deep = '{"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": ['
    with zipfile.ZipFile(folder / "model.skops", "w") as archive:
        archive.writestr("schema.json", deep * 50_000 + "]}" * 50_000)


def skops_that_is_cut_off(folder: Path, marker: Path) -> None:
    linear(folder)
    whole = (folder / "model.skops").read_bytes()
    (folder / "model.skops").write_bytes(whole[: len(whole) // 2])


def skops_of_nonsense(folder: Path, marker: Path) -> None:
    linear(folder)
    nonsense = io.BytesIO()
    with zipfile.ZipFile(nonsense, "w") as archive:
        archive.writestr("schema.json", '{"protocol": 2, "__loader__": ["ListNode"]}')
    (folder / "model.skops").write_bytes(nonsense.getvalue())


STILL: dict[str, Callable[[Path, Path], None]] = {
    maker.__name__: maker
    for maker in (
        pickle_as_input_example,
        pickle_in_a_nested_artifact,
        pickle_without_its_suffix,
        pickle_said_to_be_skops,
        skops_after_a_pickle,
        no_loader,
        loader_that_is_no_text,
        loader_of_another_flavor,
        unpickling_flavor_of_mlflow,
        hostile_predict_method,
        class_that_is_no_text,
        library_of_an_onnx_provider,
        options_of_an_onnx_session,
        pytorch,
        path_upwards,
        path_upwards_inside,
        absolute_path,
        path_of_windows,
        path_that_is_no_text,
        path_of_what_the_digest_leaves_out,
        input_example_elsewhere,
        artifact_elsewhere,
        link_out_of_the_folder,
        link_to_a_folder_outside,
        skops_with_a_function,
        skops_with_a_call_of_eval,
        skops_that_constructs_what_it_names,
        skops_with_an_operator,
        skops_of_types_with_hostile_names,
        skops_with_a_bomb,
        skops_nested_without_end,
        skops_that_is_cut_off,
        skops_of_nonsense,
    )
}
