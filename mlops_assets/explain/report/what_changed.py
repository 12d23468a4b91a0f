"""The section on what changed: two versions' explanations of the same rows."""

from mlops_assets.explain.compare.changes import ExplanationDiff, OutputChange
from mlops_assets.explain.report.blocks import Block, DataTable, Facts, data_table
from mlops_assets.explain.report.contents import OUTPUTS_SHOWN
from mlops_assets.explain.report.formatting import number, percent, shorten
from mlops_assets.explain.report.section import CHANGES, Section

_CHANGES, _LISTING = 15, 400


def what_changed(difference: ExplanationDiff, compared_with: str) -> Section:
    """Names that came and went, and per output how the ranking of its inputs changed."""
    spaces = difference.spaces
    scales = "" if difference.has_one_scale or not spaces else f" (effects before in {spaces[0]}, now in {spaces[1]})"
    names = (
        ("Inputs that are new", difference.added_features),
        ("Inputs that are gone", difference.removed_features),
        ("Outputs that are new", difference.added_outputs),
        ("Outputs that are gone", difference.removed_outputs),
    )
    listed = tuple((words, shorten(", ".join(each), _LISTING)) for words, each in names if each)
    blocks: list[Block] = [Facts(listed)] if listed else []
    blocks += [_changes(output) for output in difference.outputs[:OUTPUTS_SHOWN]]
    before = compared_with or "the previous version"
    return Section(f"What changed since {shorten(before, 100)}{scales}", CHANGES, tuple(blocks))


def _changes(output: OutputChange) -> DataTable:
    moved = f"{len(output.entered)} of the top {output.top_k} are new" if output.entered else "the same top inputs"
    rows = [
        [
            change.feature,
            number(change.old_mean_abs),
            number(change.new_mean_abs),
            "" if change.mean_abs_change is None else number(change.mean_abs_change),
            "" if change.sign_flips is None else percent(change.sign_flips),
            f"{change.old_rank} → {change.new_rank}" + (" (sign turned)" if change.mean_sign_flipped else ""),
        ]
        for change in output.features[:_CHANGES]
    ]
    header = ["input", "mean |effect| before", "now", "mean change per row", "rows whose sign turned", "rank"]
    caption = f"Output {output.output}: ranking agreement (nDCG) {number(output.ndcg)}, {moved}"
    return data_table(caption, header, rows, numeric=(1, 2, 3, 4))
