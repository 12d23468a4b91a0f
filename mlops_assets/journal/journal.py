"""The journal of one model: read, append, judge."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mlops_assets.errors import DigestMismatchError, TableError
from mlops_assets.journal.entry import JournalEntry, NoticedBy
from mlops_assets.storage.location import Location
from mlops_assets.storage.locks import lock_folder
from mlops_assets.storage.small_files import read_all

_NAME = re.compile(r"\d{8}\.json")


@dataclass(frozen=True)
class Journal:
    """An append-only table of `JournalEntry`: one numbered file per entry, each one line of JSON, so that
    ``cat *.json`` gives JSON Lines.

    Files, because an object store cannot append. An entry is there whole or not at all, is never changed, and no
    number is given twice: locally the folder is locked while one is added, elsewhere the file is created only if its
    name is free. It is a record of observations, not a published table: it holds times, and two deployments' journals
    differ.

    Parameters
    ----------
    folder
        Where the files are.
    model
        The registered model; entries of others in the same folder are not seen.
    """

    folder: Location
    model: str

    def entries(self) -> tuple[JournalEntry, ...]:
        """Every entry of this model, oldest first.

        Raises
        ------
        TableError
            A file is not an entry.
        """
        return tuple(entry for entry in self._read(self._names()) if entry.model == self.model)

    def note(
        self,
        alias: str | None,
        version: int | None,
        digest: str | None,
        noticed_by: NoticedBy,
        *,
        accept: str | None = None,
        approved_by: Sequence[str] = (),
        note: str = "",
        run: str = "",
        left: int | None = None,
        now: datetime | None = None,
    ) -> JournalEntry | None:
        """Append what was seen, if it is news: another version than the alias's last entry names, its digest, that
        somebody approved of it, or the move of a run that has no entry yet.

        Parameters
        ----------
        alias, version, digest, noticed_by
            See `JournalEntry`.
        accept
            A digest that a person accepts for this version although the journal knows another one.
        approved_by, note
            See `JournalEntry`; also where a sensor or a run saw the move before who made it could record it.
        run
            The run that moved the alias: one entry is made for it, however often it is noted.
        left
            What that run moved the alias away from. None: what the journal saw before.
        now
            The time; None: the clock's.

        Returns
        -------
        The entry appended; None when there was nothing new.

        Raises
        ------
        DigestMismatchError
            The version is known with another digest: its files were replaced. Nothing is appended.
        TableError
            The journal cannot be read or written.
        """
        while True:
            with self._lock_folder():
                names = self._names()
                known = [entry for entry in self._read(names) if entry.model == self.model]
                accepted = self._is_accepted(known, version, digest, accept)
                of_alias = [entry for entry in known if entry.alias == alias]
                last = of_alias[-1] if of_alias else None
                if not _is_news(of_alias, version, digest, approved_by, run):
                    return None
                entry = JournalEntry(
                    observed_at=(now or datetime.now(UTC)).replace(microsecond=0),
                    model=self.model,
                    alias=alias,
                    version=version,
                    digest=digest,
                    previous_version=_version_before(last, version) if left is None else left,
                    noticed_by=noticed_by,
                    accepted=accepted,
                    approved_by=tuple(approved_by),
                    note=note,
                    run=run,
                )
                if self._create(_next_name(names), entry):
                    return entry

    def check_digest(self, version: int, digest: str) -> None:
        """Raises `DigestMismatchError` where the journal knows the version with another digest."""
        self._is_accepted(self.entries(), version, digest, None)

    def _is_accepted(
        self, known: Sequence[JournalEntry], version: int | None, digest: str | None, accept: str | None
    ) -> bool:
        """Whether `digest` is new for a known version and accepted; raises when it is new and not accepted."""
        seen = [entry for entry in known if entry.version == version and entry.digest is not None]
        if version is None or digest is None or not seen or seen[-1].digest == digest:
            return False
        if accept == digest:
            return True
        raise DigestMismatchError(
            f"The files of {self.model!r} version {version} are not those that were seen on "
            f"{seen[-1].observed_at:%Y-%m-%d %H:%M} UTC: digest {digest[:12]} instead of {(seen[-1].digest or '')[:12]}"
            ". A registered version does not change by itself",
            where=self.folder.uri,
            fix="Find out who replaced them, restore them or register them as a new version; to accept them "
            f"deliberately, run champion_model with the config accept_digest: {digest}",
        )

    def _names(self) -> list[str]:
        return [name for name in self.folder.files(recursive=False) if _NAME.fullmatch(name)]

    def _read(self, names: Sequence[str]) -> list[JournalEntry]:
        places = [self.folder.child(name) for name in names]
        texts = [data.decode("utf-8") for data in read_all(places)]
        return [_parse_entry(text, place) for text, place in zip(texts, places, strict=True)]

    def _create(self, name: str, entry: JournalEntry) -> bool:
        """Whether the entry now has this name; False when another appender was faster."""
        place = self.folder.child(name)
        if self.folder.is_local:
            place.sweep(timedelta(0))
            place.write_text_atomically(entry.to_line())
            return True
        return place.create(entry.to_line().encode())

    @contextmanager
    def _lock_folder(self) -> Iterator[None]:
        if self.folder.is_local:
            try:
                Path(self.folder.address).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise TableError(
                    f"The journal's folder cannot be made: {error.strerror or type(error).__name__}",
                    where=self.folder.uri,
                    fix="Check the permissions, or set journal.path in the model's YAML",
                ) from error
        with lock_folder(Path(self.folder.address)) if self.folder.is_local else nullcontext():
            yield


def champion_versions(journal: Journal, model: str, alias: str) -> list[int]:
    """The versions that `alias` has pointed at, each once, in the order in which they last did: the present one last.

    This is the history that the ``_TRANSITIVE`` compatibility modes judge a candidate against.
    """
    versions = [
        version
        for entry in journal.entries()
        if entry.model == model and entry.alias == alias
        for version in (entry.previous_version, entry.version)
    ]
    return list(dict.fromkeys(version for version in reversed(versions) if version is not None))[::-1]


def earlier_version(journal: Journal, alias: str, current: int) -> int | None:
    """The version that `alias` goes back to from `current`; None where the journal knows none.

    What was in force before `current`. A version that was rolled back from is not gone back to: from 1, 2, 3 and a
    rollback to 2, the next one leads to 1.
    """
    history: list[int] = []
    for entry in journal.entries():
        if entry.alias != alias or entry.version is None:
            continue
        left = entry.previous_version if entry.noticed_by in ("promotion", "rollback") else None
        # A sensor may have seen a promotion before its entry was written.
        place = len(history) - (entry.noticed_by == "promotion" and history[-1:] == [entry.version])
        if left is not None and history[:place][-1:] != [left]:
            # Neither a run nor a sensor had seen the version that was left.
            history.insert(place, left)
        if entry.noticed_by == "rollback" and entry.version in history[:-1]:
            # A sensor may have seen the move first.
            del history[history[:-1].index(entry.version) + 1 :]
        elif history[-1:] != [entry.version]:
            history.append(entry.version)
    while history and history[-1] == current:
        history.pop()
    return history[-1] if history else None


def _is_news(
    of_alias: Sequence[JournalEntry], version: int | None, digest: str | None, approved_by: Sequence[str], run: str
) -> bool:
    if run:
        return all(entry.run != run for entry in of_alias)
    if not of_alias:
        return version is not None
    last = of_alias[-1]
    last = of_alias[-1]
    if last.version != version:
        return True
    is_new_approval = bool(approved_by) and last.approved_by != tuple(approved_by)
    return is_new_approval or (digest is not None and last.digest != digest)


def _version_before(last: JournalEntry | None, version: int | None) -> int | None:
    if last is None:
        return None
    return last.previous_version if last.version == version else last.version


def _next_name(names: Sequence[str]) -> str:
    return f"{int(names[-1][:8]) + 1 if names else 1:08d}.json"


def _parse_entry(text: str, place: Location) -> JournalEntry:
    try:
        return JournalEntry.from_line(text)
    except (ValueError, KeyError, TypeError) as error:
        raise TableError(
            "A file of the journal is not an entry",
            where=place.uri,
            fix="Restore it from a backup; delete it only if you know what it recorded",
        ) from error
