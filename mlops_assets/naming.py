"""Names of what belongs to a registered model: assets, keys, resources, jobs, sensors."""

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import dagster as dg

CHAMPION_MODEL = "champion_model"
MODEL_SIGNATURE = "model_signature"
INPUTS = "inputs"
INPUT_SAMPLES = "input_samples"
REJECTED_SAMPLES = "rejected_samples"
PREDICTIONS = "predictions"
SAMPLE_EXPLANATIONS = "sample_explanations"
MODEL_EXPLANATIONS = "model_explanations"
PREDICTIONS_EXPLAINED = "predictions_explained"
REASONS = "reasons"
PREDICTIONS_WITH_REASONS = "predictions_with_reasons"
SAMPLE_INTERACTIONS = "sample_interactions"
CHANGES = "changes"
CHANGE_SUMMARY = "change_summary"
OUTCOMES = "outcomes"
PREDICTION_HISTORY = "prediction_history"
PERFORMANCE = "performance"
PERFORMANCE_CALIBRATION = "performance_calibration"
PROFILE = "profile"
REFERENCE_PROFILE = "reference_profile"
REFERENCE = "reference"
DRIFT = "drift"
CHAMPION_ALIAS = "champion_alias"
BACKGROUND = "sample_explanations_background"
EXPLAIN_BACKGROUND = "background"
EXPLANATION_REPORT = "explanation_report"
REPORT_FILE = f"{EXPLANATION_REPORT}.html"

# Resources that all models of a code location share.
REGISTRY, NOTIFIER = "mlflow_registry", "notifier"

# The tag of all runs of a model's jobs; its value is the model's slug.
MODEL_TAG = "mlops_assets/model"


class HasPartition(Protocol):
    """What the contexts of assets, ops and checks know of their run's partition."""

    @property
    def has_partition_key(self) -> bool: ...

    @property
    def partition_key(self) -> str: ...


@dataclass(frozen=True)
class ModelNames:
    """Everything that is named after a registered model, or after a name of its own.

    Attributes
    ----------
    model
        The registered model's name.
    own_name
        What keys, jobs and resources are called after in the model's place: one model may be scored on two tables, and
        a champion beside a challenger. None: the model's name.
    """

    model: str
    own_name: str | None = None

    @property
    def name(self) -> str:
        """What everything is named after."""
        return self.own_name or self.model

    @property
    def prefix(self) -> str:
        """The asset keys' first part: the name, with an underscore for what Dagster does not take."""
        name = re.sub(r"[^A-Za-z0-9_.\-]", "_", self.name)
        return name if re.search("[A-Za-z0-9]", name) else self.slug

    @property
    def slug(self) -> str:
        """The name as the start of a Python identifier, for jobs and resource keys."""
        name = re.sub(r"\W", "_", self.name, flags=re.ASCII)
        if not re.search("[A-Za-z0-9]", name):
            return f"model_{hashlib.sha256(self.name.encode()).hexdigest()[:8]}"
        # A resource key begins with a letter.
        return name if name[0].isalpha() else f"model_{name}"

    @property
    def group(self) -> str:
        """The Dagster group of the assets."""
        return self.slug

    def key(self, asset: str) -> "dg.AssetKey":
        """``<name>/<asset>``."""
        # Here, so that commands which know Dagster's names alone do not wait for its import.
        import dagster as dg

        return dg.AssetKey([self.prefix, asset])

    def op(self, asset: str) -> str:
        """The name of the step that makes an asset, as run config has it: ``<name>__<asset>``."""
        return re.sub(r"\W", "_", "__".join(self.key(asset).path), flags=re.ASCII)

    def resource(self, part: str) -> str:
        """The key of a resource of this model: ``<name>_<part>``."""
        return f"{self.slug}_{part}"

    @property
    def champion_store(self) -> str:
        """The IO manager of `champion_model`."""
        return self.resource("champion_io_manager")

    @property
    def signature_store(self) -> str:
        """The IO manager of `model_signature`."""
        return self.resource("signature_io_manager")

    @property
    def tables(self) -> str:
        """The IO manager of the published tables."""
        return self.resource("tables_io_manager")

    @property
    def tables_of_the_run(self) -> str:
        """The input manager of the checks: tables, by the partition of their run."""
        return self.resource("tables_of_the_run")

    @property
    def report_store(self) -> str:
        """The IO manager of `explanation_report`."""
        return self.resource("report_io_manager")

    @property
    def inputs_reader(self) -> str:
        """The IO manager that reads the inputs."""
        return self.resource("inputs_io_manager")

    @property
    def background_reader(self) -> str:
        """The IO manager that reads the table that explanations compare with."""
        return self.resource("background_io_manager")

    @property
    def outcomes_reader(self) -> str:
        """The IO manager that reads the outcomes."""
        return self.resource("outcomes_io_manager")

    @property
    def reference_reader(self) -> str:
        """The IO manager that reads the table that runs are compared with."""
        return self.resource("reference_io_manager")

    @property
    def run_lock(self) -> str:
        """What a run holds from its start to its end."""
        return self.resource("run_lock")

    @property
    def pool(self) -> str:
        """The concurrency pool of the steps that write the tables; without a limit in the instance it does nothing."""
        return self.resource("tables")

    @property
    def signer(self) -> str:
        """The strategy that makes a signature."""
        return self.resource("signer")

    @property
    def loader(self) -> str:
        """The strategy that loads a version."""
        return self.resource("loader")

    @property
    def journal(self) -> str:
        """The record of the alias."""
        return self.resource("journal")

    @property
    def champion_sensor(self) -> str:
        """Launches a run when the alias moves."""
        return f"{self.slug}_champion_sensor"

    @property
    def tracking_sensor(self) -> str:
        """Records finished runs in MLflow."""
        return f"{self.slug}_tracking_sensor"

    @property
    def inputs_sensor(self) -> str:
        """Launches a run when input files change."""
        return f"{self.slug}_inputs_sensor"

    @property
    def new_version_sensor(self) -> str:
        """Validates new versions."""
        return f"{self.slug}_new_version_sensor"

    @property
    def outcomes_sensor(self) -> str:
        """Measures performance when outcomes come."""
        return f"{self.slug}_outcomes_sensor"

    @property
    def candidate_sensor(self) -> str:
        """Compares the champion with a candidate when the candidate's alias moves."""
        return f"{self.slug}_candidate_sensor"

    @property
    def inference_job(self) -> str:
        """Everything up to `predictions`."""
        return f"{self.slug}_inference_job"

    @property
    def explanations_job(self) -> str:
        """The whole graph."""
        return f"{self.slug}_explanations_job"

    @property
    def performance_job(self) -> str:
        """Compares published predictions with outcomes."""
        return f"{self.slug}_performance_job"

    @property
    def changes_job(self) -> str:
        """Compares what is published with another version."""
        return f"{self.slug}_changes_job"

    @property
    def tracking(self) -> str:
        """Records runs in MLflow."""
        return self.resource("tracking")

    @property
    def validation_job(self) -> str:
        """Tries a version beside the champion."""
        return f"{self.slug}_validation_job"

    @property
    def promotion_job(self) -> str:
        """Makes a version the champion."""
        return f"{self.slug}_promotion_job"

    @property
    def rollback_job(self) -> str:
        """Makes an earlier version the champion again."""
        return f"{self.slug}_rollback_job"

    @property
    def retention_job(self) -> str:
        """Deletes old runs."""
        return f"{self.slug}_retention_job"

    @property
    def sign_job(self) -> str:
        """Gives a model without a signature one."""
        return f"{self.slug}_sign_job"

    @property
    def compatibility_job(self) -> str:
        """Compares the signatures of two versions."""
        return f"{self.slug}_compatibility_job"
