"""The registry and the notifier of this code location."""

import dagster as dg

from mlops_assets.resources.defaults import default_resources


@dg.definitions
def resources(context: dg.ComponentLoadContext) -> dg.Definitions:
    """Replace these to point every model at another registry, or to be notified by mail or chat."""
    return dg.Definitions(resources=default_resources(context.project_root))
