"""The ways from Dagster's pages to the explanation report."""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from mlops_assets.naming import EXPLANATION_REPORT, REGISTRY, REPORT_FILE, ModelNames
from mlops_assets.redaction.addresses import show_address
from mlops_assets.resources.tracking import MlflowTracking
from mlops_assets.settings.tables import OutputsSettings

REPORT_LINK = "explanation_report"


def with_report_links(
    names: ModelNames, assets: Iterable[dg.AssetsDefinition], outputs: OutputsSettings
) -> list[dg.AssetsDefinition]:
    """The assets, which say in their definition's metadata where the report is: its link where its folder is served."""
    report = names.key(EXPLANATION_REPORT)
    if outputs.url is not None:
        place: dg.MetadataValue = dg.MetadataValue.url(f"{outputs.url.rstrip('/')}/{REPORT_FILE}")
    else:
        place = dg.MetadataValue.path(f"{show_address(outputs.folder).rstrip('/')}/{REPORT_FILE}")

    def link(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec if spec.key == report else spec.merge_attributes(metadata={REPORT_LINK: place})

    return [asset.map_asset_specs(link) for asset in assets]


def links_in_mlflow(context: dg.AssetExecutionContext, names: ModelNames) -> dict[str, Any]:
    """The report's page on the MLflow server, which has it once the tracking sensor has recorded the run."""
    if names.key(EXPLANATION_REPORT) not in context.selected_asset_keys:
        return {}
    tracking: MlflowTracking = getattr(context.resources, names.tracking)
    run = tracking.begin(getattr(context.resources, REGISTRY), context.run, {}, context.log)
    page = run.artifact_page(REPORT_FILE) if run else None
    return {"report_in_mlflow": dg.MetadataValue.url(page)} if page else {}
