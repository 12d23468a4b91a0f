"""An examination as the text of a ``defs.yaml``: what differs from the defaults, and what might, commented out."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from mlops_assets.examine.findings import Examination, Proposal
from mlops_assets.examine.table import EXAMINED_ROWS

COMPONENT = "mlops_assets.MlflowModelComponent"
REPLACE = "# <- replace"
PLACEHOLDER = "my_model"
_TRUST = "  # trust: "
_INPUTS = "path/to/table.parquet"


def write_yaml(examination: Examination) -> str:
    """The text of ``defs.yaml``.

    The first line says that it is ready, or why it is not and what to do. `allow_pickle` and `trusted_types` are never
    active: who can write to the registry could then run code, which is nobody's to decide but the reader's.
    """
    proposal = examination.proposal
    lines = [*_head(examination), f"type: {COMPONENT}", "", "attributes:"]
    lines += _model(proposal) + _inputs(proposal) + _outputs(proposal)
    lines += _trust(proposal) + _contract(proposal) + _predict(proposal) + _explain(proposal) + _sensors(proposal)
    return "\n".join(lines) + "\n"


def attributes(proposal: Proposal) -> dict[str, Any]:
    """The same settings as a mapping, for Python."""
    inputs: dict[str, Any] = dict(_place(proposal))
    if proposal.row_key:
        inputs["row_key"] = list(proposal.row_key)
    inputs |= {
        key: value
        for key, value in (("format", proposal.format), ("delimiter", proposal.delimiter), ("types", proposal.types))
        if value
    }
    settings: dict[str, Any] = {"model": proposal.model or PLACEHOLDER}
    if proposal.name is not None:
        settings["name"] = proposal.name
    if proposal.alias_or_version != "Champion":
        settings["alias_or_version"] = proposal.alias_or_version
    settings |= {"inputs": inputs, "outputs": {"path": proposal.outputs}}
    if proposal.partitions is not None:
        settings["partitions"] = dict(proposal.partitions)
    contract = {"missing": "allow"} if proposal.missing == "allow" else {}
    if contract or proposal.iso_datetimes:
        settings["contract"] = contract | ({"iso_datetimes": True} if proposal.iso_datetimes else {})
    if proposal.method != "predict":
        settings["predict"] = {"method": proposal.method}
    return settings


def first_line(examination: Examination) -> str:
    """Whether the first launch will succeed; else the first reason why not, and what to do."""
    red = examination.of("red")
    if red:
        return f"Not ready: {red[0]}"
    if examination.proposal.code_execution is not None or examination.proposal.untrusted_types:
        return (
            "Not ready: loading this model is not allowed yet. If you trust whoever can write to the registry, "
            "remove the # before `trust:`, and this line; the rest was examined, and launches as it is."
        )
    return f"Ready: the model and the table's first {EXAMINED_ROWS:,} rows were examined, and this launches as it is."


def trust_line(text: str) -> int | None:
    """The number of the line that extends trust once it is no comment any more; None: the model needs none."""
    numbers = (number for number, line in enumerate(text.splitlines(), 1) if line.startswith(_TRUST))
    return next(numbers, None)


def _head(examination: Examination) -> list[str]:
    red = examination.of("red")
    lines = [f"# {first_line(examination)}"]
    lines += [f"# Not ready: {finding}" for finding in red[1:]]
    if red:
        lines.append("# Correct this, remove these lines, and examine it again with mlops-assets doctor.")
    lines += [f"# Note: {finding}" for finding in examination.of("yellow")]
    return lines


def _model(proposal: Proposal) -> list[str]:
    lines = [f"  model: {flow(proposal.model or PLACEHOLDER)}{_mark(proposal.model, 'name of the registered model')}"]
    if proposal.name is not None:
        lines.append(f"  name: {flow(proposal.name)}  # what assets, jobs and tables are named after")
    if proposal.alias_or_version != "Champion":
        lines.append(f"  alias_or_version: {flow(proposal.alias_or_version)}")
        return lines
    others = [alias for alias in proposal.aliases if alias.casefold() != "champion"]
    example = flow(others[0]) if others else "Challenger"
    return [*lines, f"  # alias_or_version: {example}  # another alias, or a version's number; the default is Champion"]


def _inputs(proposal: Proposal) -> list[str]:
    lines = ["  inputs:"]
    for key, value in _place(proposal).items():
        written = flow(dict(value)) if isinstance(value, Mapping) else flow(value)
        lines.append(f"    {key}: {written}{_mark(proposal.inputs, 'file, folder or URL')}")
    if proposal.row_key:
        comment = f"  # {proposal.row_key_choice}" if proposal.row_key_choice else ""
        lines.append(f"    row_key: {flow(list(proposal.row_key))}{comment}")
    else:
        lines.append("    # row_key: [customer_id]  # the columns that identify a row; else its index or its position")
    for key, value in (("format", proposal.format), ("delimiter", proposal.delimiter)):
        if value:
            lines.append(f"    {key}: {flow(value)}")
    if proposal.types:
        lines.append(f"    types: {flow(dict(proposal.types))}  # what the model's signature asks for")
    return lines


def _outputs(proposal: Proposal) -> list[str]:
    lines = [
        "  outputs:",
        f"    path: {flow(proposal.outputs)}",
        "    # format: csv  # or delta, or sql with a database; the default is parquet",
    ]
    if proposal.partitions is not None:
        lines.append(f"  partitions: {flow(dict(proposal.partitions))}  # as the files' names look")
    return lines


def _place(proposal: Proposal) -> Mapping[str, Any]:
    """The keys under ``inputs:`` that name the table."""
    return proposal.place or {"path": proposal.inputs or _INPUTS}


def _trust(proposal: Proposal) -> list[str]:
    if proposal.code_execution is not None:
        return [
            f"  # Loading this model runs code that comes with it: {_one_line(proposal.code_execution)}.",
            "  # Whoever can write to the registry can then run code here. If you trust them, remove the # and the",
            "  # blank after it below.",
            f"{_TRUST}{{allow_pickle: true}}",
        ]
    if proposal.untrusted_types:
        return [
            "  # The model's files hold types that are not trusted here. Look each of them up; if they run nothing of",
            "  # the model's, remove the # and the blank after it below.",
            f"{_TRUST}{flow({'trusted_types': list(proposal.untrusted_types)})}",
        ]
    return []


def _contract(proposal: Proposal) -> list[str]:
    lines = []
    if proposal.missing == "allow":
        lines.append(f"    missing: allow  # {_one_line(proposal.missing_reason)}")
    elif proposal.takes_missing:
        lines.append(f"    # missing: allow  # if rows lack values later: {_one_line(proposal.takes_missing)}")
    if proposal.iso_datetimes:
        lines.append("    iso_datetimes: true  # the table has ISO 8601 text where the signature asks for datetimes")
    lines.append("    # max_rejected: 0.01  # rows that may be refused before a run fails: a count, or a fraction")
    if all(line.lstrip().startswith("#") for line in lines):
        return ["  # contract:", *(f"  #   {line.lstrip().removeprefix('# ')}" for line in lines)]
    return ["  contract:", *lines]


def _predict(proposal: Proposal) -> list[str]:
    if proposal.method != "predict":
        return ["  predict:", f"    method: {proposal.method}  # a probability for each class, in place of a label"]
    return []


def _explain(proposal: Proposal) -> list[str]:
    lead = "# explain: {sample: 10000}"
    if proposal.slow:
        return [f"  {lead}  # explaining every row takes long: a seeded sample, or a fraction such as 0.1"]
    return [f"  {lead}  # explain a seeded sample; the default is every row"]


def _sensors(proposal: Proposal) -> list[str]:
    if isinstance(proposal.alias_or_version, int):
        return []
    lines = ["  # sensors:", "  #   champion: {status: RUNNING}  # launch a run each time the alias moves"]
    if "database" not in proposal.place:
        lines.append("  #   inputs: {status: RUNNING}  # launch a run each time the table changes")
    return lines


def _mark(value: str | None, meaning: str) -> str:
    return f"  {REPLACE}: {meaning}" if value is None else ""


def flow(value: str | int | Sequence[str] | Mapping[str, Any]) -> str:
    """A value on one line, as YAML.

    Examples
    --------
    >>> flow({"path": "data/{model}.parquet"})
    "{path: 'data/{model}.parquet'}"
    """
    # A document of one scalar ends with "...".
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False)
    return text.strip().removesuffix("...").rstrip("\n")


def _one_line(text: str) -> str:
    return " ".join(text.split())
