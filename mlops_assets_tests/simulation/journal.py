"""What must hold of the journal, whatever happened."""

import json
from typing import Any

from mlops_assets_tests.simulation.world import World


def check_journal(world: World) -> None:
    """Numbered without a gap, none rewritten, each entry follows from the one before."""
    folder = world.root / "state/journal/m"
    entries = {path.name: path.read_text() for path in sorted(folder.glob("*.json"))} if folder.is_dir() else {}
    before: dict[str, str] = getattr(world, "journal_seen", {})
    for name, text in before.items():
        if entries.get(name) != text:
            world.violate(f"entry {name} of the journal was changed or lost")
    if list(entries) != [f"{number:08d}.json" for number in range(1, len(entries) + 1)]:
        world.violate(f"the journal has gaps: {list(entries)}")
    last: dict[str, Any] = {}
    for name, text in entries.items():
        try:
            entry = json.loads(text)
        except ValueError:
            world.violate(f"entry {name} of the journal is torn")
            continue
        alias, version = entry["alias"], entry["version"]
        if alias in last and last[alias]["version"] != version and entry["previous_version"] != last[alias]["version"]:
            world.violate(f"entry {name} of the journal does not follow from the one before it")
        last[alias] = entry
    world.journal_seen = entries
