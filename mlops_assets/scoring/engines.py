"""The engines that a model's YAML can name."""

from mlops_assets.scoring.engine import Engine
from mlops_assets.scoring.local_engine import LocalEngine
from mlops_assets.scoring.spark_engine import SparkEngine

ENGINES: dict[str, type[Engine]] = {"LocalEngine": LocalEngine, "SparkEngine": SparkEngine}
