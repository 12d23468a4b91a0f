"""What must hold, whatever happened: judged from the files alone, by a few lines of arithmetic."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from mlops_assets_tests.leftovers import leftovers
from mlops_assets_tests.simulation.events import land, promote, register
from mlops_assets_tests.simulation.journal import check_journal
from mlops_assets_tests.simulation.models import Rows, accepted, predict
from mlops_assets_tests.simulation.world import INPUTS, NEW_VERSION, TOLD, Request, World

# Whether runs that failed must be made up for; False to look for faults of other kinds alone.
RECONCILES = True
# Quiet ticks until the tables are right, and how far apart: sensors look again after 32 ticks, ask again after hours.
QUIET_TICKS, QUIET_SECONDS = 45, 900.0
TABLES = ("input_samples", "rejected_samples", "predictions")


class Invariants:
    """What is judged at the very moment."""

    def run_succeeded(self, world: World) -> None:
        """What a run that ended well has published is its own: one version, one input, one after the other."""
        if world.running:
            # Inside of another one: allowed only where runs do not take turns.
            names = world.running[0].names
            published = any("os.rename" in name and "parquet" in name for name in names)
            if world.yaml.executor == "in_process" and published and "store PIPELINE_SUCCESS" not in names:
                world.violate("two runs of one model wrote at the same time")
            return
        missing = [
            name
            for name in ("champion_model.json", *(f"{each}.parquet" for each in TABLES))
            if not (world.root / "tables" / name).exists()
        ]
        if missing:
            world.violate(f"a run has ended well and not published {', '.join(missing)}")
            return
        pinned = json.loads((world.root / "tables/champion_model.json").read_text())
        schema, samples, rejected = (
            _stored_schema(world.root / "tables" / f"{name}.parquet").metadata
            for name in ("predictions", "input_samples", "rejected_samples")
        )
        if schema[b"mlops_assets.model_digest"].decode() != pinned["digest"]:
            world.violate("a run has published predictions of another version than it has pinned")
        if schema[b"mlops_assets.inputs_version"] != samples[b"mlops_assets.data_version"]:
            world.violate("a run has published predictions of other samples than it has published")
        together = b"mlops_assets.published_together"
        if samples[together] != rejected[together]:
            world.violate("a run has published samples and rejected rows that do not belong together")

    def ticked(self, world: World, sensor: str, said: str) -> None:
        """Only what fails is looked at more rarely."""
        if RECONCILES and sensor == INPUTS and "Backing off" in said and sensor not in world.troubled:
            world.violate(f"{sensor} backs off, and nothing has failed")

    def asked(self, world: World, request: Request) -> None:
        """Nobody asks without a cause: something has moved since this sensor looked last, or tables are not right."""
        before = [each for each in world.seen.launched if each.sensor == request.sensor]
        seen = world.looked.get(request.sensor, before[-1].truth if before else None)
        if request.sensor == NEW_VERSION or world.lying or request.sensor in world.meddled or seen is None:
            world.meddled.discard(request.sensor)
            return
        if world.failures and (":again" in request.key or not before):
            # What a run has published may not have been noted.
            return
        has_moved = bool(before and before[-1].key == request.key) or seen != request.truth
        is_judged = world.expected_version() is not None and world.files.get(world.yaml.folder) and not world.broken
        if is_judged and not has_moved and not list(differences(world)):
            world.violate(f"a run without a cause: {request.key} after {[each.key for each in before[-1:]]}")


def check_tables(world: World) -> None:
    """Each published table is whole, of one version and of inputs that were there; nothing half written is visible."""
    folder = world.root / "tables"
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix == ".json":
            try:
                json.loads(path.read_text())
            except ValueError:
                world.violate(f"{path.name} is not whole: {path.read_text()[:60]!r}")
        elif path.suffix == ".parquet" and path.stem in TABLES:
            try:
                rows = pq.read_table(path).to_pylist()
            except Exception as error:  # noqa: BLE001 - whatever a reader says of a torn file
                world.violate(f"{path.name} is not whole: {error}")
                continue
            if not any(_CONTENT[path.stem](world, rows, inputs) for inputs in world.seen.snapshots):
                world.violate(f"{path.name} is of no inputs that were there: {rows}")
    _check_nothing_lost(world)


def _check_nothing_lost(world: World) -> None:
    """Accepted and rejected rows together are the inputs, where both tables are of one run."""
    metadata = {}
    for name in ("input_samples", "rejected_samples"):
        path = world.root / "tables" / f"{name}.parquet"
        if path.exists():
            found = _stored_schema(path).metadata or {}
            metadata[name] = (found.get(b"mlops_assets.published_together"), ds.dataset(path).count_rows(),
                              int(found.get(b"mlops_assets.rows_read", b"-1")))  # fmt: skip
    if len(metadata) == 2:
        (one, accepted_rows, read), (other, rejected_rows, _) = metadata["input_samples"], metadata["rejected_samples"]
        if one == other and accepted_rows + rejected_rows != read:
            world.violate(f"{read} rows were read, {accepted_rows} accepted and {rejected_rows} rejected")


def _are_samples(_: World, rows: list[dict[str, Any]], inputs: Rows) -> bool:
    return {row["id"]: (row["a"], row["b"]) for row in rows} == accepted(inputs) and len(rows) == len(accepted(inputs))


def _are_rejected(_: World, rows: list[dict[str, Any]], inputs: Rows) -> bool:
    return sorted(row["id"] for row in rows) == sorted(set(inputs) - set(accepted(inputs)))


def _are_predictions(world: World, rows: list[dict[str, Any]], inputs: Rows) -> bool:
    if sorted(row["id"] for row in rows) != sorted(accepted(inputs)):
        return False
    versions = {(row["model_version"], row["model_digest"]) for row in rows}
    if len(versions) > 1:
        return False
    return any(
        all(_is_predicted(row, variant, inputs) for row in rows)
        for number, variant in world.seen.versions
        if not rows or number == rows[0]["model_version"]
    )


def _is_predicted(row: dict[str, Any], variant: int, inputs: Rows) -> bool:
    a, b = accepted(inputs)[row["id"]]
    return math.isclose(row["prediction"], predict(variant, a, b), rel_tol=1e-9, abs_tol=1e-9)


_CONTENT: dict[str, Callable[[World, list[dict[str, Any]], Rows], bool]] = {
    "input_samples": _are_samples,
    "rejected_samples": _are_rejected,
    "predictions": _are_predictions,
}


def check_requests(world: World) -> None:
    """No key twice, and no request dropped for a key that another state of the world had."""
    keys = [(each.sensor, each.key) for each in world.seen.launched]
    for key in set(keys):
        if keys.count(key) > 1:
            world.violate(f"{key} was launched twice")
    for request in world.seen.dropped:
        of_sensor = [each for each in world.seen.launched if each.sensor == request.sensor]
        of_key = [each for each in of_sensor if each.key == request.key]
        if not of_key or request.sensor == NEW_VERSION:
            continue
        # An old cursor that has come back cannot tell a move from the last one, should both be to the same version.
        is_other = of_key[-1].truth != request.truth and request.sensor not in world.restored
        if is_other or of_key[-1] is not of_sensor[-1]:
            world.violate(f"the request {request.key} was dropped: the key was used for another state")
    world.seen.dropped.clear()


def check_leftovers(world: World) -> None:
    """After a run that ended well nothing but tables is left."""
    if hidden := leftovers(world.root / "tables"):
        world.violate(f"left among the tables: {hidden}")


def differences(world: World) -> Iterator[str]:
    """How the published tables differ from those of the current champion on the current inputs."""
    version = world.expected_version()
    inputs = world.inputs()
    if version is None or not world.files.get(world.yaml.folder) or world.broken:
        return
    variant = world.registry.variants[version]
    for name in TABLES:
        path = world.root / "tables" / f"{name}.parquet"
        if not path.exists():
            yield f"{name} was never published"
            continue
        rows = pq.read_table(path).to_pylist()
        if not _CONTENT[name](world, rows, inputs):
            yield f"{name} is not of the current inputs"
        elif name == "predictions":
            for row in rows:
                if row["model_version"] != version:
                    yield f"predictions are of version {row['model_version']}, the champion is {version}"
                    break
                if not _is_predicted(row, variant, inputs):
                    yield f"predictions are not those of version {version} (registered anew)"
                    break


def contents(folder: Path) -> dict[str, bytes]:
    """Every published file; of a table of several parts each of its files."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    tables = [path for path in paths if not path.name.startswith(".")]
    files = [file for path in tables for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def _stored_schema(path: Path) -> pa.Schema:
    """The schema of a published table, in one file or in parts."""
    return pq.read_schema(path / "manifest.parquet" if path.is_dir() else path)


def check_convergence(world: World) -> None:
    """After the last disturbance the tables become those of the champion on the inputs, and stay so to the byte."""
    world.say("-- quiet")
    world.seams.away.clear()
    world.lying, world.held = False, False
    world.stamp += len(world.broken)
    for folder, file in sorted(world.broken):
        world.path_of(folder, file).unlink(missing_ok=True)
        world.files[folder].pop(file, None)
    world.broken.clear()
    world.note_inputs()
    _put_right(world)
    # What was told of an outage is over.
    TOLD[:] = [each for each in TOLD if "cannot be looked at" not in each]
    world.restart()
    world.work()
    wrong: list[str] = []
    ticks = QUIET_TICKS if RECONCILES or not world.failures else 3
    for number in range(ticks):
        world.clock.advance(QUIET_SECONDS)
        world.tick_all()
        world.work()
        check_all(world)
        wrong = list(differences(world))
        # A sensor that has yet to look may ask for what another one's run has made already.
        everybody_has_looked = number >= 1 and not world.troubled
        if (not wrong and everybody_has_looked) or any("stale" in each for each in TOLD):
            break
    world.end = "converged" if not wrong else "people were told" if TOLD else "not made up for"
    if world.end == "not made up for" and (RECONCILES or not world.failures):
        for text in wrong:
            world.violate(f"not converged after {QUIET_TICKS} quiet ticks: {text}")
    if wrong:
        return
    launched = len(world.seen.launched)
    world.tick_all()
    world.work()
    if len(world.seen.launched) != launched:
        world.violate(f"runs without a cause: {[each.key for each in world.seen.launched[launched:]]}")
    _check_bytes(world)


def _put_right(world: World) -> None:
    """Where there is nothing to publish, people see to it that there is: else nothing would be judged."""
    if not world.registry.variants:
        register(world, 0)
    if world.expected_version() is None:
        promote(world, 0)
    if not world.files.get(world.yaml.folder):
        land(world, 0, 0)


def _check_bytes(world: World) -> None:
    """A run on the same inputs and version changes no byte."""
    before = contents(world.root / "tables")
    run = world.create_run(world.whole_job, {})
    world.execute(run)
    after = contents(world.root / "tables")
    for name in sorted({*before, *after}):
        if name == "champion_model.json" and {_alias(before), _alias(after)} != {world.yaml.alias}:
            # It names the alias, and the YAML has another one since.
            continue
        if before.get(name) != after.get(name):
            world.violate(f"a run on the same inputs and version changed the bytes of {name}")
    check_leftovers(world)


def _alias(files: dict[str, bytes]) -> str | None:
    return json.loads(files.get("champion_model.json", b"{}")).get("alias")


def check_all(world: World) -> None:
    check_tables(world)
    check_journal(world)
    check_requests(world)
