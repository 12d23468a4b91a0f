"""Where in an object something is, kept as links: written out only for a message."""

from dataclasses import dataclass

_LONGEST_PART = 60
_LONGEST = 300


@dataclass(frozen=True)
class Place:
    """One step from the outermost object: an attribute, an item or a key."""

    step: str = ""
    above: "Place | None" = None
    holds_attributes: bool = False

    def attribute(self, name: str) -> "Place":
        """``.name``"""
        return Place(f".{name[:_LONGEST_PART]}", self)

    def item(self, key: object) -> "Place":
        """``[key]``; ``.key`` where this is the state of an object."""
        if self.holds_attributes and isinstance(key, str):
            return self.attribute(key)
        text = repr(key[:_LONGEST_PART] if isinstance(key, str) else key)
        return Place(f"[{text}]", self)

    def state(self) -> "Place":
        """The dict of an object's attributes, at the object's own place."""
        return Place("", self, holds_attributes=True)

    def __str__(self) -> str:
        steps: list[str] = []
        place: Place | None = self
        while place is not None:
            steps.append(place.step)
            place = place.above
        text = "".join(reversed(steps)).removeprefix(".")
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
