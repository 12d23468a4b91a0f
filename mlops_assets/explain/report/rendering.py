"""The templates of the report: every value that they write is escaped, none by hand."""

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

# XML 1.0, section 2.2: a picture that holds any of these is not shown at all.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Unicode Standard Annex 9: in a name they would turn round the text of the report that follows it.
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def _valid(value: Any) -> Any:
    """A value to be written, without the characters that XML cannot hold, or that reorder the text around them."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return _DIRECTIONS.sub("\N{REPLACEMENT CHARACTER}", _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", value))
    return value


_ENVIRONMENT = Environment(
    loader=PackageLoader("mlops_assets.explain.report"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_valid,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.filters["decimal"] = lambda value, digits=1: f"{value:.{digits}f}"


def render(template: str, **values: Any) -> str:
    """The text of a file in `templates`, with `values` escaped for HTML and XML."""
    return _ENVIRONMENT.get_template(template).render(**values)
