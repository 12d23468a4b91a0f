"""Published documents: the signature as JSON, the report as HTML."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from mlops_assets.errors import TableError
from mlops_assets.io_managers.same_run import guard_switch, name_published, note_published, note_read
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.settings.tables import OutputsSettings
from mlops_assets.storage.location import Location


class DocumentIOManager(dg.IOManager):
    """Stores a text, byte for byte as it is handed over, and replaces an earlier one whole.

    Parameters
    ----------
    folder
        Where the documents are.
    extension
        Of the file ``<asset><extension>``.
    version_of
        The data version of a text: what the asset that makes it reports.
    served_at
        The address at which a web server serves `folder`; None: at none.
    """

    def __init__(
        self, folder: Location, extension: str, version_of: Callable[[str], str], served_at: str | None = None
    ) -> None:
        self.folder, self.extension, self.version_of, self.served_at = folder, extension, version_of, served_at

    def place(self, key: dg.AssetKey) -> Location:
        """Where the document of an asset is."""
        return self.folder.child(f"{key.path[-1]}{self.extension}")

    @redact_errors
    def handle_output(self, context: dg.OutputContext, obj: str) -> None:
        place = self.place(context.asset_key)
        with name_published(context), guard_switch(context, self.folder):
            place.write_text_atomically(obj)
        note_published(context, lambda: {None: self.version_of(place.read_text())})
        shown = dg.MetadataValue.path(place.address) if place.is_local else dg.MetadataValue.text(place.uri)
        metadata: dict[str, dg.MetadataValue | str] = {"dagster/uri": place.uri, "file": shown}
        if self.served_at is not None:
            # Of a path Dagster's page makes no link, and a browser follows none from there to a file on a disk.
            name = f"{context.asset_key.path[-1]}{self.extension}"
            metadata["report"] = dg.MetadataValue.url(f"{self.served_at.rstrip('/')}/{name}")
        context.add_output_metadata(metadata)

    @redact_errors
    def load_input(self, context: dg.InputContext) -> str:
        place = self.place(context.asset_key)

        def read() -> str:
            return read_published(place, context.asset_key)

        note_read(context, lambda: {None: self.version_of(read())})
        return read()


class SignatureIOManager(DocumentIOManager):
    """Stores a signature as MLflow's JSON."""

    def __init__(self, folder: Location) -> None:
        super().__init__(folder, ".json", _signature_version)

    @redact_errors
    def handle_output(self, context: dg.OutputContext, obj: str) -> None:
        json.loads(obj)
        super().handle_output(context, obj)


def _signature_version(signature: str) -> str:
    from mlops_assets.signatures.mlflow.signature_json import signature_hash

    return signature_hash(signature)


def report_version(report: str) -> str:
    """The data version of a report: the SHA-256 of its text."""
    return hashlib.sha256(report.encode()).hexdigest()


def read_published(place: Location, key: dg.AssetKey) -> str:
    """The text of a published document.

    Raises
    ------
    TableError
        The asset was never materialized.
    """
    if not place.exists():
        raise TableError(
            f"The asset {key.to_user_string()} has not been materialized",
            where=place.uri,
            fix="Materialize it first, or run the model's explanations job, `dg launch --job <name>_explanations_job`",
        )
    return place.read_text()


def signature_io_manager(outputs: OutputsSettings, root: Path) -> dg.IOManagerDefinition:
    """The signature's IO manager of one model."""

    @dg.io_manager(description="The signature, as MLflow's JSON.")
    @redact_errors
    def build(_context: dg.InitResourceContext) -> SignatureIOManager:
        return SignatureIOManager(outputs.location(root))

    return build


def report_io_manager(outputs: OutputsSettings, root: Path) -> dg.IOManagerDefinition:
    """The report's IO manager of one model."""

    @dg.io_manager(description="The explanation report, as one HTML file.")
    @redact_errors
    def build(_context: dg.InitResourceContext) -> DocumentIOManager:
        return DocumentIOManager(outputs.location(root), ".html", report_version, outputs.url)

    return build
