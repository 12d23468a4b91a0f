"""Many small files at once: a round trip to a store for each would take longer than all the rest."""

from collections.abc import Sequence

from mlops_assets.errors import TableError
from mlops_assets.redaction.errors import redact_chain
from mlops_assets.storage.location import Location
from mlops_assets.storage.store_errors import translate_errors


def read_all(places: Sequence[Location]) -> list[bytes]:
    """Small files of one filesystem, whole, in order; remote ones are fetched at the same time.

    Raises
    ------
    TableError
        One of them is not there.
    """
    if not places or places[0].is_local:
        return [place.read_bytes() for place in places]
    filesystem = places[0].remote()[0]
    paths = [place.path for place in places]
    # Not `cat`: it would expand the brackets of a name as a pattern.
    contents = filesystem.cat_ranges(paths, [None] * len(paths), [None] * len(paths), on_error="return")
    for data, place in zip(contents, places, strict=True):
        if isinstance(data, Exception):
            try:
                with translate_errors(place.uri):
                    raise data
            except FileNotFoundError as error:
                raise TableError("No such file", where=place.uri, fix="Check the path") from redact_chain(error)
    return [bytes(data) for data in contents]
