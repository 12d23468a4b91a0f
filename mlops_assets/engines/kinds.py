"""The engines that a model's YAML can name."""

from mlops_assets.engines.engine import Engine
from mlops_assets.engines.local import LocalEngine
from mlops_assets.engines.spark.engine import SparkEngine

ENGINES: dict[str, type[Engine]] = {"LocalEngine": LocalEngine, "SparkEngine": SparkEngine}
