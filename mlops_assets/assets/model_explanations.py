"""Which features matter, and the report that shows it."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.provenance import Provenance, with_provenance
from mlops_assets.assets.explanation_pictures import summary_picture, top_features_picture
from mlops_assets.assets.ledger_reading import LedgerRead, facts_of_parts, read_once_a_run
from mlops_assets.assets.report_links import links_in_mlflow
from mlops_assets.assets.report_sections import SectionSource, make_sections, section_inputs
from mlops_assets.engines.engine import Engine
from mlops_assets.explain.columns import shap_column
from mlops_assets.explain.ledger.interaction_table import read_sizes
from mlops_assets.explain.ledger.partitioned import join_partitions
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.explain.reasons.rules import ReasonRules
from mlops_assets.explain.report.contents import OUTPUTS_SHOWN
from mlops_assets.explain.report.facts_while_written import rows_shown
from mlops_assets.explain.report.input_rows import find_input_rows
from mlops_assets.explain.report.ledger_facts import LedgerFacts
from mlops_assets.explain.spaces import SPACES
from mlops_assets.io_managers.documents import report_version
from mlops_assets.io_managers.ledger_notes import find_notes
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.rows import parts_of, pieces_of
from mlops_assets.metadata import (
    ALLOW_MISSING,
    SPACE,
    TOP_FEATURES_PICTURE,
    lineage_metadata,
    list_names,
    strip_markup,
    table_metadata,
)
from mlops_assets.models.reference import ModelReference
from mlops_assets.naming import (
    CHAMPION_MODEL,
    EXPLANATION_REPORT,
    INPUT_SAMPLES,
    MODEL_EXPLANATIONS,
    REGISTRY,
    REJECTED_SAMPLES,
    SAMPLE_EXPLANATIONS,
    SAMPLE_INTERACTIONS,
    ModelNames,
)
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.settings.tables import OutputsSettings

if TYPE_CHECKING:
    from mlops_assets.explain.ledger.summary import LedgerSummary
    from mlops_assets.explain.report.contents import ReportContents

CODE_VERSION, REPORT_CODE_VERSION = "2", "3"
TOP_FEATURES = 10
# What column lineage may take of an event that holds a picture of up to 80 KB.
MOST_BESIDE_PICTURE = 50_000
TOP_COLUMNS = {
    "output": "string",
    "rank": "int",
    "feature": "string",
    "mean_abs_shap": "float",
    "mean_shap": "float",
}

MODEL_EXPLANATIONS_DESCRIPTION = """
Which features matter: mean |SHAP|, mean SHAP, rank and the model's own importance, over all explained rows.

One row per output and feature; rank 1 matters most. `native_importance` is null where the model has none. Use it to
rank features and to compare versions; `sample_explanations` has the single rows. With partitions it covers all that
the pinned version has explained so far. Unit: `space` in the metadata."""

REPORT_DESCRIPTION = """
The explanation report: one HTML file to read and to send on. It needs no network and no script.

On top a summary that is read in a minute; then which features matter, how attributions depend on values, single rows
as waterfalls, the rows that the contract rejected, and a technical appendix. Open `report` in the metadata where it is
a link, else the path under `file`."""


def model_explanations_assets(
    names: ModelNames,
    outputs: OutputsSettings,
    engine: Callable[[], Engine],
    partitions: "dg.PartitionsDefinition[str] | None",
    *,
    tracked: bool,
    interactions: bool = False,
    rules: ReasonRules | None = None,
    scored: str = "",
    sections: Sequence[SectionSource] = (),
    profiled: bool = False,
) -> list[dg.AssetsDefinition]:
    """`model_explanations` and `explanation_report` of one model: one pass over the ledger, so they are one step.

    Where the report waits for other tables of the run, they are two steps: importances do not wait, and are published
    when one of these tables fails. It waits for tables of `sections`, and, where it is of one table, for published
    `interactions`, which are of the columns that `model_explanations` names. In one process there is still one pass.

    `tracked`: runs are recorded in MLflow, where the report is an artifact. `rules`: of the reasons in the report.
    `scored`: which table is scored, for the report. `sections`: tables that the report has a section of; none of them
    may depend on `model_explanations`. `profiled`: a profile is made of the ledger, too.
    """
    both = (MODEL_EXPLANATIONS, EXPLANATION_REPORT)
    waits = any(source.of_the_run for source in sections) or (interactions and partitions is None)
    steps = [(asset,) for asset in both] if waits else [both]
    of_report: dict[str, Any] = {"rules": rules, "scored": scored, "sections": sections, "interactions": interactions}
    # Of one step nothing is kept for others; with partitions a profile is of one of them, and the summary of all.
    of_report["profiled"] = profiled and waits and partitions is None
    return [_step(names, outputs, engine, partitions, step, tracked=tracked, **of_report) for step in steps]


def _step(
    names: ModelNames,
    outputs: OutputsSettings,
    engine: Callable[[], Engine],
    partitions: "dg.PartitionsDefinition[str] | None",
    made: tuple[str, ...],
    *,
    tracked: bool,
    rules: ReasonRules | None,
    scored: str,
    sections: Sequence[SectionSource],
    interactions: bool,
    profiled: bool,
) -> dg.AssetsDefinition:
    """The step that makes one of the two assets, or both."""
    ledger, inputs = (names.key(asset) for asset in (SAMPLE_EXPLANATIONS, INPUT_SAMPLES))
    common: dict[str, Any] = {
        "name": names.op(made[0]),
        "can_subset": True,
        "required_resource_keys": {names.run_lock, names.tables, *((REGISTRY, names.tracking) if tracked else ())},
        "pool": names.pool,
        "outs": {asset: out for asset, out in _outs(names, outputs, rules).items() if asset in made},
    }
    shown = section_inputs(names, sections) if EXPLANATION_REPORT in made else {}
    if partitions is None:
        read = [SAMPLE_EXPLANATIONS, INPUT_SAMPLES]
        read += [REJECTED_SAMPLES] if EXPLANATION_REPORT in made else []
        read += [SAMPLE_INTERACTIONS] if EXPLANATION_REPORT in made and interactions else []
        of_report = {names.key(asset) for asset in (*read, *shown)}
        deps = {MODEL_EXPLANATIONS: {ledger, inputs}, EXPLANATION_REPORT: of_report}

        @dg.multi_asset(
            ins={asset: dg.AssetIn(key=names.key(asset)) for asset in read} | shown,
            internal_asset_deps={asset: deps[asset] for asset in made},
            **common,
        )
        @redact_errors
        @report_progress(names.key(made[0]))
        def model_explanations(
            context: dg.AssetExecutionContext,
            sample_explanations: ds.Dataset,
            input_samples: ds.Dataset,
            **beside: Any,
        ) -> Iterator[dg.MaterializeResult[Any]]:
            ledger = StoredLedger.of(sample_explanations)
            links = links_in_mlflow(context, names) if tracked else {}
            rejected, accepted = None, None
            is_of_inputs = Provenance.of(input_samples.schema).data_version == ledger.provenance.inputs_version
            if is_of_inputs:
                rejected, accepted = beside.get(REJECTED_SAMPLES), input_samples.count_rows()

            def read_ledger() -> LedgerRead:
                parts = parts_of(context, names, SAMPLE_EXPLANATIONS)
                notes = find_notes(context, names, ledger.provenance.data_version, parts)
                facts = facts_of_parts(ledger, parts, engine, context.log.info, with_sums=profiled, notes=notes)
                if not is_of_inputs:
                    # Newer rows are published than those that the ledger explains: they would colour the plots wrongly.
                    return LedgerRead(facts, None)
                pieces = parts_of(context, names, INPUT_SAMPLES)
                seen, show, log = rows_shown(notes or ()), OUTPUTS_SHOWN, context.log.info
                return LedgerRead(facts, find_input_rows(ledger, facts, show, input_samples, engine, pieces, log, seen))

            facts, inputs = read_once_a_run(
                context, names, ledger, read_ledger, for_later=made == (MODEL_EXPLANATIONS,)
            )
            sizes = None
            if SAMPLE_INTERACTIONS in beside:
                of_pairs = parts_of(context, names, SAMPLE_INTERACTIONS)
                sizes = read_sizes(beside[SAMPLE_INTERACTIONS], of_pairs, ledger.provenance)

            def contents() -> "ReportContents":
                from mlops_assets.explain.report.contents import collect_contents

                found = make_sections(sections, beside, ledger.provenance)
                return collect_contents(
                    ledger, facts, inputs, rejected, sizes, rules, accepted=accepted, scored=scored, sections=found
                )

            yield from _summarize(context, names, ledger, facts, inputs, links, contents)

        return model_explanations

    @dg.multi_asset(
        ins={
            CHAMPION_MODEL: dg.AssetIn(key=names.key(CHAMPION_MODEL)),
            SAMPLE_EXPLANATIONS: dg.AssetIn(key=ledger, metadata={ALLOW_MISSING: True}),
            **shown,
        },
        **common,
    )
    @redact_errors
    @report_progress(names.key(made[0]))
    def model_explanations_of_partitions(
        context: dg.AssetExecutionContext,
        champion_model: ModelReference,
        sample_explanations: dict[str, ds.Dataset],
        **beside: Any,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        whole, left_out = join_partitions(sample_explanations, champion_model)
        partitions_shown = {
            "partitions_summarised": len(sample_explanations) - len(left_out),
            "partitions_of_other_versions": list_names(left_out, none="(none)"),
        }
        links = links_in_mlflow(context, names) if tracked else {}
        summarized = [key for key in sample_explanations if key not in set(left_out)]

        def read_ledger() -> LedgerRead:
            pieces = pieces_of(context, names, SAMPLE_EXPLANATIONS, summarized)
            return LedgerRead(facts_of_parts(whole, pieces, engine, context.log.info), None)

        facts, _ = read_once_a_run(context, names, whole, read_ledger, for_later=made == (MODEL_EXPLANATIONS,))

        def contents() -> "ReportContents":
            from mlops_assets.explain.report.contents import collect_contents

            found = make_sections(sections, beside, whole.provenance)
            return collect_contents(whole, facts, None, scored=scored, sections=found)

        yield from _summarize(context, names, whole, facts, None, links, contents, partitions_shown)

    return model_explanations_of_partitions


def _outs(names: ModelNames, outputs: OutputsSettings, rules: ReasonRules | None) -> dict[str, dg.AssetOut]:
    return {
        MODEL_EXPLANATIONS: dg.AssetOut(
            key=names.key(MODEL_EXPLANATIONS),
            description=MODEL_EXPLANATIONS_DESCRIPTION.strip(),
            dagster_type=pa.RecordBatchReader,
            io_manager_key=names.tables,
            is_required=False,
            group_name=names.group,
            kinds={"shap", outputs.format},
            code_version=CODE_VERSION,
        ),
        EXPLANATION_REPORT: dg.AssetOut(
            key=names.key(EXPLANATION_REPORT),
            description=REPORT_DESCRIPTION.strip(),
            dagster_type=str,
            io_manager_key=names.report_store,
            is_required=False,
            group_name=names.group,
            kinds={"shap", "html"},
            # Another catalogue makes another report of the same ledger.
            code_version=REPORT_CODE_VERSION if rules is None else f"{REPORT_CODE_VERSION}-{rules.digest[:12]}",
        ),
    }


def _summarize(
    context: dg.AssetExecutionContext,
    names: ModelNames,
    ledger: StoredLedger,
    facts: LedgerFacts,
    inputs: ds.Dataset | None,
    links: dict[str, Any],
    contents: Callable[[], "ReportContents"],
    partitions_shown: dict[str, Any] | None = None,
) -> Iterator[dg.MaterializeResult[Any]]:
    from mlops_assets.explain.report.report import report_html

    source = ledger.provenance
    origin = LedgerProvenance.of(source)
    summary = facts.summary
    version = hash_of(CODE_VERSION, source.data_version or "")
    if names.key(MODEL_EXPLANATIONS) in context.selected_asset_keys:
        result = _explanations(names, source, origin, summary, inputs, version)
        yield result._replace(metadata={**(result.metadata or {}), **(partitions_shown or {})})
    if names.key(EXPLANATION_REPORT) in context.selected_asset_keys:
        report = report_html(contents())
        yield dg.MaterializeResult(
            asset_key=names.key(EXPLANATION_REPORT),
            value=report,
            metadata={
                "rows_explained": summary.rows,
                "features": str(len(origin.features)),
                SPACE: origin.space,
                "space_meaning": SPACES[origin.space].meaning,
                **links,
            },
            data_version=dg.DataVersion(report_version(report)),
        )


def _explanations(
    names: ModelNames,
    source: Provenance,
    origin: LedgerProvenance,
    summary: "LedgerSummary",
    inputs: ds.Dataset | None,
    version: str,
) -> dg.MaterializeResult[pa.RecordBatchReader]:
    explanations = summary.table(origin.output_type)
    provenance = Provenance(
        model=source.model,
        model_uri=source.model_uri,
        model_digest=source.model_digest,
        signature_hash=source.signature_hash,
        inputs_version=source.data_version,
        data_version=version,
    )
    top = top_features(explanations)
    measures = ("mean_abs_shap", "mean_shap", "rank")
    attributions = [shap_column(feature) for feature in origin.features]
    return dg.MaterializeResult(
        asset_key=names.key(MODEL_EXPLANATIONS),
        value=with_provenance(explanations.to_reader(), provenance),
        metadata={
            TOP_FEATURES_PICTURE: top_features_picture(summary, origin.space, TOP_FEATURES),
            "summary_plot": summary_picture(summary, inputs, source),
            **lineage_metadata(
                dict.fromkeys(measures, attributions), names.key(SAMPLE_EXPLANATIONS), most_bytes=MOST_BESIDE_PICTURE
            ),
            "top_features": table_metadata(top, TOP_COLUMNS),
            "top_features_text": list_names(dict.fromkeys(strip_markup(str(row["feature"])) for row in top[:5])),
            "features": str(len(origin.features)),
            "rows_explained": summary.rows,
            SPACE: origin.space,
            "space_meaning": SPACES[origin.space].meaning,
        },
        data_version=dg.DataVersion(version),
    )


def top_features(explanations: pa.Table) -> list[dict[str, Any]]:
    """The first `TOP_FEATURES` ranks of each output, as plain rows in order of rank."""
    rows: list[dict[str, Any]] = explanations.filter(pc.less_equal(explanations["rank"], TOP_FEATURES)).to_pylist()
    return sorted(rows, key=lambda row: (row["output"], row["rank"]))
