"""A strategy of one's own that cannot be made: what is said of it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import pytest

from mlops_assets.errors import ConfigurationError
from mlops_assets.strategies import Strategy, build_strategy


class Pump(Strategy, ABC):
    """What the strategies of this page are."""

    @abstractmethod
    def lift(self) -> float: ...


@dataclass
class Wheel(Pump):
    diameter: float = 1.0

    def __post_init__(self) -> None:
        if self.diameter <= 0:
            raise ValueError("diameter must be positive")
        if self.diameter > 10:
            raise KeyError(5)
        if self.diameter > 5:
            raise ConfigurationError("No axle bears this", fix="Use a smaller wheel")

    def lift(self) -> float:
        return self.diameter


@dataclass
class Screw(Pump):
    length: float

    def lift(self) -> float:
        return self.length


class Handle(Pump):
    """It has no way to lift."""


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"KIND": "Wheel", "diameter": -1}, "Wheel cannot be made: ValueError: diameter must be positive"),
        ({"KIND": "Wheel", "diameter": 11}, "Wheel cannot be made: KeyError: 5"),
        ({"KIND": "Wheel", "diameter": "wide"}, "Wheel cannot be made: TypeError: '<=' not supported"),
        ({"KIND": "Wheel", "diameter": 6}, "^No axle bears this. Use a smaller wheel"),
        ({"KIND": "Wheel", "diametre": 1}, r"Wheel has no setting 'diametre' \(did you mean 'diameter'\?\)"),
        ({"KIND": "Screw"}, "Screw cannot be made: TypeError: .*missing 1 required positional argument: 'length'"),
    ],
)
def test_the_cause_is_named_that_was_found(settings, said):
    with pytest.raises(ConfigurationError, match=said):
        build_strategy(Pump, {"Wheel": Wheel, "Screw": Screw}, settings)


def test_a_class_that_lacks_a_method_is_refused_by_the_methods_name():
    with pytest.raises(ConfigurationError, match=r"Handle lacks what every Pump has: lift .*Write this method"):
        build_strategy(Pump, {"Handle": Handle}, {"KIND": "Handle"})
