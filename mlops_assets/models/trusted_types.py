"""What skops files may hold here: the list belongs to the deployment, not to whoever made the model."""


def _below(module: str, *names: str) -> frozenset[str]:
    return frozenset(f"{module}.{name}" for name in names)


_DISTANCES = tuple(
    f"{name}Distance{bits}"
    for bits in ("32", "64")
    for name in (
        *("BrayCurtis", "Canberra", "Chebyshev", "Dice", "Euclidean", "Hamming", "Haversine", "Jaccard", "Mahalanobis"),
        *("Manhattan", "Minkowski", "RogersTanimoto", "RussellRao", "SEuclidean", "SokalSneath"),
    )
)

# Functions are values of a fitted model too: the score that a feature selection was fitted with. Each one here computes
# on arrays and touches nothing else; none calls anything that it is given.
TRUSTED_FUNCTIONS = _below(
    "sklearn.feature_selection._univariate_selection", "chi2", "f_classif", "f_regression", "r_regression"
) | frozenset(
    {
        "sklearn.feature_selection._mutual_info.mutual_info_classif",
        "sklearn.feature_selection._mutual_info.mutual_info_regression",
        # a B-spline keeps the function that makes its arrays
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
    }
)

# Types that ordinary scikit-learn, lightgbm and xgboost models need and that some version of skops does not trust by
# itself. To make one of them, by any of skops' ways (its constructor with any arguments, or __new__ and __setstate__
# with any state), runs nothing that comes with the model. Of the tree structures skops says that their content, read
# without bounds by compiled code, can crash a process: `structure.check_structure` looks at that content.
TRUSTED_OBJECTS = (
    _below("lightgbm.basic", "Booster")
    | _below("lightgbm.sklearn", "LGBMClassifier", "LGBMRanker", "LGBMRegressor")
    | _below("sklearn.utils._metadata_requests", "MetadataRequest", "MethodMetadataRequest")
    | _below("scipy.interpolate._bsplines", "BSpline")
    | _below(
        "sklearn._loss.link", "HalfLogitLink", "IdentityLink", "Interval", "LogLink", "LogitLink", "MultinomialLogit"
    )
    | _below(
        "sklearn._loss.loss",
        *("AbsoluteError", "ExponentialLoss", "HalfBinomialLoss", "HalfGammaLoss", "HalfMultinomialLoss"),
        *("HalfPoissonLoss", "HalfSquaredError", "HalfTweedieLoss", "HalfTweedieLossIdentity", "HuberLoss"),
        "PinballLoss",
    )
    | _below("sklearn.calibration", "_CalibratedClassifier", "_SigmoidCalibration")
    | _below("sklearn.compose._column_transformer", "_RemainderColsList")
    | _below("sklearn.ensemble._hist_gradient_boosting.binning", "_BinMapper")
    | _below("sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor")
    | _below("sklearn.gaussian_process._gpc", "_BinaryGaussianProcessClassifierLaplace")
    | _below(
        "sklearn.gaussian_process.kernels",
        *("CompoundKernel", "ConstantKernel", "DotProduct", "ExpSineSquared", "Exponentiation", "Matern"),
        *("Product", "RBF", "RationalQuadratic", "Sum", "WhiteKernel"),
    )
    | _below("sklearn.compose._column_transformer", "make_column_selector")
    | _below("sklearn.metrics._dist_metrics", *_DISTANCES)
    | _below("sklearn.metrics._scorer", "_CurveScorer", "_MultimetricScorer", "_PassthroughScorer", "_Scorer")
    | _below("sklearn.multiclass", "_ConstantPredictor")
    | _below(
        "sklearn.model_selection._split",
        *("GroupKFold", "KFold", "LeaveOneGroupOut", "LeaveOneOut", "PredefinedSplit", "ShuffleSplit"),
        *("StratifiedGroupKFold", "StratifiedKFold", "StratifiedShuffleSplit", "TimeSeriesSplit"),
    )
    | _below("sklearn.neighbors._ball_tree", "BallTree", "BallTree32", "BallTree64")
    | _below("sklearn.neighbors._kd_tree", "KDTree", "KDTree32", "KDTree64")
    | _below("sklearn.neural_network._stochastic_optimizers", "AdamOptimizer", "SGDOptimizer")
    | _below("xgboost.core", "Booster")
    | _below("xgboost.sklearn", "XGBClassifier", "XGBRFClassifier", "XGBRFRegressor", "XGBRanker", "XGBRegressor")
)

# With what has nodes of its own in a skops file: dicts, dtypes, random states, sparse matrices, scikit-learn's trees.
TRUSTED_TYPES = (
    TRUSTED_FUNCTIONS
    | TRUSTED_OBJECTS
    | _below("collections", "OrderedDict", "defaultdict")
    | _below("numpy", "dtype")
    | _below("numpy.random.mtrand", "RandomState")
    | _below("scipy.sparse._csr", "csr_array", "csr_matrix")
    | _below("scipy.sparse._csc", "csc_array", "csc_matrix")
    | _below("sklearn.tree._tree", "Tree")
    | _below("sklearn.utils._bunch", "Bunch")
)
