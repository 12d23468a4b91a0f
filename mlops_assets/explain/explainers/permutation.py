"""Model-agnostic Shapley values by antithetic walks from background rows to the explained row."""

from typing import ClassVar, Literal

from mlops_assets.explain.explainers.mixtures import MixtureExplainer


class PermutationExplainer(MixtureExplainer):
    """Interventional Shapley values of any model, from nothing but its predictions.

    A walk starts at a background row and replaces its columns by the explained row's, one after the other in a random
    order; each step's change of the prediction is credited to that column (Castro, Gómez and Tejada 2009; Štrumbelj
    and Kononenko 2014). Every walk is repeated in reverse order (antithetic: Mitchell et al. 2022), and every
    background row takes part equally often, so that base (the background's mean prediction) and attributions add up to
    the prediction by construction.

    The permutations of a row are seeded by its values, and the model is asked about a row together with its own
    mixtures alone: it gets the same attributions, bit for bit, in any batch and at any position.
    `Explanation.error` is a standard error from the spread between the walks of the same background row; it is zero
    where all coalitions are asked: up to six columns, or with `ExplainConfig.calls_per_row` wherever it has room for
    them. Masked rows keep the types of the inputs, column by column.
    """

    KIND: ClassVar[Literal["PermutationExplainer"]] = "PermutationExplainer"
