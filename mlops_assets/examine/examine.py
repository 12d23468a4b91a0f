"""The one examination behind ``dg scaffold defs``, ``mlops-assets init`` and ``mlops-assets doctor``."""

from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_assets.direct.model import make_signature
from mlops_assets.examine.answers import examine_explanations, examine_predictions
from mlops_assets.examine.contract import Fit, examine_contract, read_examined_rows
from mlops_assets.examine.findings import Examination, Notes, Proposal
from mlops_assets.examine.outputs import examine_outputs
from mlops_assets.examine.registered_model import ExaminedModel, examine_model, examine_registry
from mlops_assets.examine.request import ExaminationRequest
from mlops_assets.examine.source import name_database
from mlops_assets.examine.table import ExaminedTable, examine_row_key, open_inputs
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.tables.source import TableSource

if TYPE_CHECKING:
    from mlflow.types import Schema


def examine(request: ExaminationRequest) -> Examination:
    """Ask the registry and the table what the first launch would meet, and propose the YAML.

    Nothing that is not trusted is loaded, and nothing is written but a model's files in the cache and, to a remote
    place for the tables, a small object that is removed again. Whatever goes wrong is a finding; nothing is raised.
    """
    notes = Notes()
    proposal = Proposal(request.model, request.inputs, request.outputs or "tables", name=request.name)
    _note_missing_arguments(request, notes)
    model, env_line = None, None
    if request.model is not None:
        registry, env_line = examine_registry(request, notes)
        model = examine_model(request, registry, notes) if registry is not None else None
    if model is not None:
        proposal = replace(
            proposal,
            model=model.name,
            alias_or_version=model.alias_or_version,
            aliases=model.aliases,
            name=request.name if request.name != model.name else None,
            code_execution=model.code_execution,
            untrusted_types=model.untrusted_types,
        )
    if request.outputs is None and (name := request.name or proposal.model) is not None:
        proposal = replace(proposal, outputs=f"tables/{_file_name(name)}")
    if request.inputs is not None:
        proposal = _examine_inputs(request, model, proposal, notes)
    examine_outputs(proposal.outputs, request.root, notes)
    return Examination(tuple(notes.findings), proposal, env_line)


def _note_missing_arguments(request: ExaminationRequest, notes: Notes) -> None:
    lacking = [name for name, value in (("--model", request.model), ("--inputs", request.inputs)) if value is None]
    if lacking:
        notes.add(
            "settings",
            "red",
            f"{' and '.join(lacking)} {'was' if len(lacking) == 1 else 'were'} not given",
            fix="Replace each value marked with `<- replace`; mlops-assets doctor MODEL --inputs TABLE then examines "
            "whether they fit",
        )


def _examine_inputs(
    request: ExaminationRequest, model: ExaminedModel | None, proposal: Proposal, notes: Notes
) -> Proposal:
    proposal = replace(
        proposal,
        place=name_database(request),
        format=request.format,
        delimiter=request.delimiter,
        types=request.types,
    )
    table = open_inputs(request, notes)
    if table is None:
        return replace(proposal, row_key=request.row_key)
    if isinstance(table.source, TableSource):
        proposal = replace(proposal, delimiter=table.source.delimiter)
    if table.found is not None:
        proposal = replace(proposal, place=table.found.inputs, partitions=table.found.partitions)
    known = _input_names(model.signature) if model is not None and model.signature is not None else ()
    table, key, choice = examine_row_key(request, table, known, notes)
    proposal = replace(proposal, row_key=key, row_key_choice=choice)
    if model is None or model.reference is None:
        return proposal
    signature = model.signature
    if signature is None:
        signature = _sign(model.model, table, notes)
    if signature is None:
        return proposal
    inputs = _inputs_of(signature)
    fit = examine_contract(inputs, table, model.model, notes)
    proposal = replace(
        proposal,
        types=fit.table.source.types,
        iso_datetimes=fit.iso_datetimes,
        missing=fit.missing,
        missing_reason=fit.missing_reason,
        takes_missing=fit.takes_missing,
    )
    if model.model is None:
        if model.code_execution or model.untrusted_types:
            options = "--allow-pickle" if model.code_execution else f"--trusted-type {model.untrusted_types[0]}"
            notes.add(
                "predictions",
                "yellow",
                "Not examined, because the model is not trusted and was not loaded: its predictions, explanations and "
                "missing values",
                fix=f"If you trust it, examine it with mlops-assets doctor {model.name} --inputs TABLE {options}",
            )
        return proposal
    return _examine_answers(model, model.model, signature, inputs, fit, proposal, notes)


def _examine_answers(
    examined: ExaminedModel,
    model: LoadedModel,
    signature: str,
    inputs: "Schema | None",
    fit: Fit,
    proposal: Proposal,
    notes: Notes,
) -> Proposal:
    accepted = fit.accepted
    if accepted is None or not accepted.num_rows:
        return proposal
    key = fit.table.table.row_key
    method = examine_predictions(model, signature, accepted, key, examined.predict_fn, notes)
    if method is None:
        return proposal
    slow = examine_explanations(model, inputs, accepted, key, fit.table.total, notes)
    return replace(proposal, method=method, slow=slow)


def _sign(model: LoadedModel | None, table: ExaminedTable, notes: Notes) -> str | None:
    """A signature for a model that has none, as the first launch would make it."""
    if model is None:
        notes.add(
            "signature", "yellow", "The model has no signature; the first launch makes one from the table's first rows"
        )
        return None
    with notes.report_errors("signature"):
        signature = make_signature(model, lambda: read_examined_rows(table).to_pandas())
        notes.add(
            "signature",
            "yellow",
            "The model has no signature; one is made from the table's first rows",
            fix="Log models with an input_example, so that the contract is the model's and not the table's",
        )
        return signature
    return None


def _inputs_of(signature: str) -> "Schema | None":
    from mlops_assets.signatures.mlflow.signature_json import signature_from_json

    inputs: Schema | None = signature_from_json(signature).inputs
    return inputs


def _input_names(signature: str) -> tuple[str, ...]:
    inputs = _inputs_of(signature)
    return tuple(map(str, inputs.input_names())) if inputs is not None and inputs.has_input_names() else ()


def _file_name(name: str) -> str:
    """The name as that of a folder: what a shell or a template would read otherwise becomes an underscore."""
    return "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name).strip(".") or "model"
