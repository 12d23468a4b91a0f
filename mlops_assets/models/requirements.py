"""The requirements that came with a model: what to install, found without trusting what they say."""

from collections.abc import Iterator
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
        if requirement.url is None:
            yield canonicalize_name(requirement.name), f"{requirement.name}{requirement.specifier}"
