"""The requirements that came with a model: what to install, found without trusting what they say."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

_LARGEST_FILE = 2**16
_MOST_NAMED = 20
# Packages whose name is not their module's.
_PACKAGES = {
    "sklearn": "scikit-learn",
    "cv2": "opencv-python",
    "PIL": "pillow",
    "yaml": "pyyaml",
    "google": "google-cloud-core",
    "tensorflow_text": "tensorflow-text",
}


@dataclass(frozen=True)
class Mismatch:
    """A requirement of a model that is not met here.

    Attributes
    ----------
    requirement
        The package and the versions that the model names.
    installed
        The version here; None: it is not installed.
    """

    requirement: str
    installed: str | None


def compare_requirements(folder: Path) -> tuple[Mismatch, ...]:
    """The requirements of the model in `folder` that are not met here; those for other systems or Pythons do not count.

    Nothing is imported to find out.
    """
    from packaging.requirements import Requirement

    differing = []
    for name, text in _requirements(folder):
        requirement = Requirement(text)
        installed = _installed_version(name)
        if installed is None or not requirement.specifier.contains(installed, prereleases=True):
            differing.append(Mismatch(text, installed))
    return tuple(differing)


def _installed_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        # Another distribution may bring its module: xgboost-cpu is xgboost.
        others = packages_distributions().get(package.replace("-", "_"), ())
        return version(others[0]) if others else None


def install_command(folder: Path, module: str) -> str:
    """``pip install "package==version"`` for a module that is missing.

    The version is the one in the model's ``requirements.txt``, where it names this very package and a plain version;
    never a URL or another package, which a hostile model could have us recommend.
    """
    package = _PACKAGES.get(module.partition(".")[0], module.partition(".")[0]).replace("_", "-")
    line = next((text for name, text in _requirements(folder) if name == package.lower()), package)
    return f'pip install "{line}"'


def is_installed(package: str) -> bool:
    """Whether a top-level package can be imported here; nothing is imported to find out."""
    try:
        return find_spec(package) is not None
    except ValueError:
        # A module without a specification: one that was put in the place of another.
        return False


def list_requirements(folder: Path) -> str:
    """The packages and versions that the model was saved with, on one line."""
    return ", ".join([text for _, text in _requirements(folder)][:_MOST_NAMED]) or "it names none"


def _requirements(folder: Path) -> Iterator[tuple[str, str]]:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    file = folder / "requirements.txt"
    if not file.is_file():
        return
    with file.open("rb") as stream:
        lines = stream.read(_LARGEST_FILE).decode("utf-8", errors="replace").splitlines()
    for line in lines:
        try:
            requirement = Requirement(line.strip())
        except InvalidRequirement:
            # An option (-r, --index-url), a comment or nonsense: none of it is for the reader of an error.
            continue
        if requirement.url is None and (requirement.marker is None or requirement.marker.evaluate()):
            yield canonicalize_name(requirement.name), f"{requirement.name}{requirement.specifier}"
