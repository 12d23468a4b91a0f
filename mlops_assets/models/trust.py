"""Decide from metadata alone whether a model may be deserialized. Runs before anything of the model is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_assets.errors import ModelLoadError, TrustError
from mlops_assets.models.mlmodel import ModelDescription

ALLOW_PICKLE = "trust: {allow_pickle: true}"

# Types that ordinary scikit-learn, lightgbm and xgboost models need and that skops does not trust by itself. The list
# belongs to the deployment: the one inside a model's MLmodel is written by whoever made the model and is ignored here.
TRUSTED_TYPES = frozenset(
    {
        "collections.OrderedDict",
        "collections.defaultdict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRanker",
        "lightgbm.sklearn.LGBMRegressor",
        "numpy.dtype",
        "numpy.random.mtrand.RandomState",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogLink",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.AbsoluteError",
        "sklearn._loss.loss.ExponentialLoss",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfGammaLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn._loss.loss.HalfPoissonLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn._loss.loss.HuberLoss",
        "sklearn._loss.loss.PinballLoss",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.compose._column_transformer._RemainderColsList",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Matern",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.gaussian_process.kernels.Sum",
        "sklearn.gaussian_process.kernels.WhiteKernel",
        "sklearn.metrics._dist_metrics.EuclideanDistance",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.metrics._dist_metrics.MinkowskiDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._ball_tree.BallTree64",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neighbors._kd_tree.KDTree64",
        "sklearn.neighbors._ball_tree.newObj",
        "sklearn.neighbors._kd_tree.newObj",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRFClassifier",
        "xgboost.sklearn.XGBRFRegressor",
        "xgboost.sklearn.XGBRanker",
        "xgboost.sklearn.XGBRegressor",
    }
)

# MLflow's loader of a flavor -> the library whose classes it may instantiate by name. Every other loader, MLflow's
# pyfunc.model (a pickled Python model) and a model's own among them, runs code that comes with the model.
_LOADERS = {
    "mlflow.sklearn": "sklearn",
    "mlflow.lightgbm": "lightgbm",
    "mlflow.xgboost": "xgboost",
    "mlflow.catboost": "catboost",
    "mlflow.onnx": "onnx",
    "mlflow.pytorch": "torch",
}
_PICKLE_SUFFIXES = (".pkl", ".pickle", ".joblib", ".cloudpickle", ".pth", ".pt", ".dill")


@dataclass(frozen=True)
class TrustPolicy:
    """What a deployment lets models do.

    Attributes
    ----------
    allow_pickle
        Load models whose loading runs arbitrary code: pickle in all its forms, code carried by the model, foreign
        loader modules. False by default.
    trusted_types
        Types to trust in skops files beyond `TRUSTED_TYPES`, as skops names them.
    allowed_flavors
        When given, only models of these flavors load at all.
    """

    allow_pickle: bool = False
    trusted_types: frozenset[str] = frozenset()
    allowed_flavors: frozenset[str] | None = None

    def check(self, description: ModelDescription) -> None:
        """Return if the model may be deserialized.

        Raises
        ------
        TrustError
            It may not; the message names the reason and the line of YAML that would allow it, if one would.
        """
        description.paths()
        self._check_flavor(description)
        reason = runs_code(description)
        if reason and not self.allow_pickle:
            raise TrustError(
                f"The model was not loaded, because {reason}",
                where=", ".join(sorted(description.flavors)),
                fix=f"If you trust whoever can write to the registry, add `{ALLOW_PICKLE}` to the model's YAML",
            )
        if not self.allow_pickle:
            self._check_skops(description)

    def _check_flavor(self, description: ModelDescription) -> None:
        flavor = description.native_flavor or "python_function"
        if self.allowed_flavors is not None and flavor not in self.allowed_flavors:
            raise TrustError(
                f"Flavor {flavor!r} is not allowed here",
                where=", ".join(sorted(description.flavors)),
                fix=f"Allowed are {sorted(self.allowed_flavors)}; extend `trust.allowed_flavors` to change that",
            )

    def _check_skops(self, description: ModelDescription) -> None:
        for relative in sorted({path for path in description.paths().values() if path.endswith(".skops")}):
            try:
                from skops.io import get_untrusted_types
            except ModuleNotFoundError as error:
                raise ModelLoadError("skops is not installed", fix='Run: pip install "skops"') from error
            import zipfile

            file = description.folder / relative
            try:
                found = set(get_untrusted_types(file=file))
            except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
                raise TrustError(
                    f"The file {relative} is not a skops file", fix="Register the model again with MLflow"
                ) from error
            refused = sorted(found - TRUSTED_TYPES - self.trusted_types)
            if refused:
                listing = ", ".join(refused)
                raise TrustError(
                    f"The model was not loaded, because it holds types that are not trusted here: {listing}",
                    where=relative,
                    fix=f"If you trust them, add `trust: {{trusted_types: [{listing}]}}` to the model's YAML",
                )


def runs_code(description: ModelDescription) -> str | None:
    """Why loading the model would run code that comes with it, or None if it would not."""
    for flavor, settings in sorted(description.flavors.items()):
        if settings.get("code"):
            return f"it carries its own code ({flavor}.code)"
        if settings.get("model_code_path"):
            return f"it is loaded by running its own script ({flavor}.model_code_path)"
    loader = description.loader_module
    if loader is None:
        return "it names no loader module"
    library = _LOADERS.get(loader)
    if library is None:
        what = "is a pickled Python model" if loader == "mlflow.pyfunc.model" else f"is loaded by module {loader!r}"
        return f"it {what}"
    settings = {**description.flavors.get("python_function", {})}
    for flavor, own in description.flavors.items():
        if flavor != "python_function":
            settings.update(own)
    return _pickled(loader, library, settings, description)


def _pickled(loader: str, library: str, settings: Mapping[str, Any], description: ModelDescription) -> str | None:
    model_class = str(settings.get("model_class") or "")
    if model_class and model_class.partition(".")[0] != library:
        return f"it asks for the class {model_class!r}, which is not {library}'s"
    pickled = sorted({path for path in description.paths().values() if path.endswith(_PICKLE_SUFFIXES)})
    if pickled:
        return f"{pickled[0]} is a pickle"
    written = settings.get("serialization_format")
    if loader == "mlflow.sklearn" and written != "skops":
        return f"its serialization format is {written or 'pickle'}"
    if loader == "mlflow.pytorch" and written != "pt2":
        return f"its serialization format is {written or 'a torch pickle'}"
    if loader == "mlflow.lightgbm" and model_class != "lightgbm.basic.Booster" and written != "skops":
        return f"its serialization format is {written or 'cloudpickle'}"
    if written == "skops" and not all(
        path.endswith(".skops") for key, path in description.paths().items() if not key.endswith(".code")
    ):
        return "its format is said to be skops, and its file is not"
    return None
