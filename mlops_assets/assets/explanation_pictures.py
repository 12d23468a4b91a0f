"""The pictures on the pages of `model_explanations` and `change_summary`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.metadata import TOP_FEATURES_PICTURE, most_bytes_without_click, picture_metadata
from mlops_assets.trees.arrays import Space

if TYPE_CHECKING:
    from mlops_assets.explain.ledger.summary import LedgerSummary


def top_features_picture(summary: "LedgerSummary", space: Space, top: int) -> dg.MarkdownMetadataValue:
    """The first features over all outputs as bars, in a picture that is seen without a click."""
    from mlops_assets.explain.report.top_features_svg import top_features_svg

    sizes = dict.fromkeys(summary.features, 0.0)
    for output in summary.outputs:
        for feature, size in zip(summary.features, summary.mean_abs(output), strict=True):
            sizes[feature] += float(size)
    ranked = sorted(sizes.items(), key=lambda entry: -entry[1])[:top]
    svg = top_features_svg(ranked, space, most_bytes_without_click(TOP_FEATURES_PICTURE))
    return picture_metadata(svg, TOP_FEATURES_PICTURE)


def causes_picture(causes: Sequence[tuple[str, float, float]], space: Space) -> dg.MarkdownMetadataValue:
    """The columns that make the difference of two versions as bars, in a picture that is seen without a click."""
    from mlops_assets.explain.report.top_features_svg import top_features_svg

    name = "columns that make the difference"
    sizes = [(column, size) for column, size, _ in causes]
    return picture_metadata(top_features_svg(sizes, space, most_bytes_without_click(name), "mean |change|"), name)


def summary_picture(
    summary: "LedgerSummary", inputs: ds.Dataset | None, source: Provenance
) -> dg.MarkdownMetadataValue:
    """A beeswarm for one output, coloured by the inputs where they are at hand; else bars."""
    from mlops_assets.explain.ledger.summary import match_input_rows
    from mlops_assets.explain.report.summary_plot import summary_plot_svg

    sample = summary.sample(summary.outputs[0]) if len(summary.outputs) == 1 else None
    colours = None
    if sample is not None and inputs is not None:
        colours = match_input_rows(rows_of(inputs), sample, source.row_key, summary.features)
    space = LedgerProvenance.of(source).space
    svg = summary_plot_svg(summary, inputs=colours, space=space, title=source.model or "")
    return picture_metadata(svg, f"SHAP summary of {source.model}")
