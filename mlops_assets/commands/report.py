"""``mlops-assets report``."""

import argparse

from mlops_assets.commands.command import Command
from mlops_assets.commands.options import add_model, add_module


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    add_module(parser)


def _run(chosen: argparse.Namespace) -> int:
    from mlops_assets.code_location.model_resources import open_model
    from mlops_assets.commands.progress import show_progress
    from mlops_assets.io_managers.documents import read_published
    from mlops_assets.naming import EXPLANATION_REPORT

    with (
        show_progress() as show,
        open_model(chosen.module, chosen.model, lambda names: {names.report_store}) as opened,
    ):
        show("reading the report")
        key = opened.names.key(EXPLANATION_REPORT)
        place = opened.resources[opened.names.report_store].place(key)
        text = read_published(place, key)
    print(place.address if place.is_local else place.uri)
    if chosen.open:
        import tempfile
        import webbrowser
        from pathlib import Path

        if place.is_local:
            file = Path(place.address)
        else:
            # A browser cannot read an object store.
            file = Path(tempfile.mkdtemp(prefix="mlops-assets-")) / place.name
            file.write_text(text, "utf-8")
        if not webbrowser.open(file.as_uri()):
            from mlops_assets.errors import ConfigurationError

            raise ConfigurationError("No browser was found", where="--open", fix=f"Open {file} yourself")
    return 0


REPORT = Command("report", "print where the model's explanation report is, or open it", _add_arguments, _run)
