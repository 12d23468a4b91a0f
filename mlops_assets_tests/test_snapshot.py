"""The graph as a reviewable file: a change of it shows up as a diff of graph_snapshot.json.

To accept one: ``python -m mlops_assets_tests.test_snapshot``.
"""

import json
from pathlib import Path

import mlops_assets.definitions

SNAPSHOT = Path(__file__).parent / "graph_snapshot.json"


def graph() -> dict[str, object]:
    """Asset keys with dependencies, group and kinds; checks; jobs with their assets; sensors; resources."""
    definitions = mlops_assets.definitions.defs()
    assets = definitions.resolve_asset_graph()
    repository = definitions.get_repository_def()
    checks = {key for check in definitions.asset_checks or () for key in check.check_keys}
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    return {
        "assets": {
            key.to_user_string(): {
                "depends_on": sorted(parent.to_user_string() for parent in assets.get(key).parent_keys),
                "group": assets.get(key).group_name,
                "kinds": sorted(assets.get(key).kinds),
                "code_version": assets.get(key).code_version,
                "partitioned": assets.get(key).is_partitioned,
            }
            for key in sorted(assets.get_all_asset_keys())
        },
        "checks": sorted(f"{key.asset_key.to_user_string()}.{key.name}" for key in checks),
        "jobs": {
            job.name: sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys)
            for job in sorted(jobs, key=lambda job: job.name)
        },
        "sensors": {
            sensor.name: sensor.default_status.value
            for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name)
        },
        "resources": sorted(definitions.resources or ()),
    }


def test_the_graph_is_the_one_that_was_reviewed():
    assert graph() == json.loads(SNAPSHOT.read_text("utf-8"))


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(graph(), indent=2) + "\n", "utf-8")
