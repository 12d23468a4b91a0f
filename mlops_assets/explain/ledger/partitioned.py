"""The partitions of a ledger, put together: what one model version has explained so far."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pyarrow.dataset as ds

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.errors import ExplanationError
from mlops_assets.explain.ledger.provenance import PARTITIONS, LedgerProvenance
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.models.reference import ModelReference

# Fields of `LedgerProvenance` that must be the same in all partitions for their attributions to be added up.
_COMPARABLE = ("space", "features", "outputs")


def join_partitions(
    partitions: Mapping[str, ds.Dataset], reference: ModelReference
) -> tuple[StoredLedger, tuple[str, ...]]:
    """The partitions that `reference` explained, as one lazy ledger, and the keys of the others.

    They may be of several releases of this package. The ledger's provenance is that of its last partition, with a data
    version over all of them: partitions that others write meanwhile, or that stem from another version, do not change
    it.

    Parameters
    ----------
    partitions
        The published partitions, in order; a partition that was never explained is simply not among them.

    Raises
    ------
    ExplanationError
        No partition stems from this version; or its partitions were explained in ways that cannot be added up.
    """
    sources = {key: Provenance.of(dataset.schema) for key, dataset in partitions.items()}
    keys = [
        key
        for key, source in sources.items()
        if (source.model_uri, source.model_digest) == (reference.uri, reference.digest)
    ]
    if not keys:
        raise ExplanationError(
            f"No partition was explained by version {reference.version}",
            where="sample_explanations",
            fix="Materialize sample_explanations of a partition",
        )
    last = sources[keys[-1]]
    last_origin = LedgerProvenance.of(last)
    for key in keys:
        origin = LedgerProvenance.of(sources[key])
        differing = [name for name in _COMPARABLE if getattr(origin, name) != getattr(last_origin, name)]
        if differing:
            raise ExplanationError(
                f"The partitions {key!r} and {keys[-1]!r} differ in their {' and '.join(differing)}",
                where="sample_explanations",
                fix=f"Materialize sample_explanations of {key!r} again",
            )
    versions = [part for key in keys for part in (key, sources[key].data_version or "")]
    source = replace(
        last,
        data_version=hash_of(*versions),
        inputs_version=None,
        extra={**last.extra, PARTITIONS: json.dumps(keys, ensure_ascii=False)},
    )
    summarised = set(keys)
    ledger = StoredLedger(tuple(partitions[key] for key in keys), source)
    return ledger, tuple(key for key in partitions if key not in summarised)
