"""The engines that a model's YAML can name."""

from mlops_assets.engines.engine import Engine
from mlops_assets.engines.local import LocalEngine
from mlops_assets.engines.spark.engine import SparkEngine
from mlops_assets.strategies import by_kind

ENGINES: dict[str, type[Engine]] = by_kind(LocalEngine, SparkEngine)
