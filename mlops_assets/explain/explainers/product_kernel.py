"""Shapley values of a sum of products of one factor per player: the compiled kernel."""

import numpy as np

from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.numba_kernels import compile_kernel


@compile_kernel
def add_products(own: Floats, back: Floats, alpha: Floats, points: Floats, weights: Floats, values: Floats) -> None:
    """Add one row's interventional Shapley values of ``sum_m alpha[m] * prod_p factor[m, p]``.

    With the products of the row known with probability q per player, the value of player p is the integral over q of
    ``(own[m, p] - back[p]) * prod over the others of (q * own + (1 - q) * back)``, a polynomial in q of degree
    players - 1: Gauss-Legendre with half as many points is exact (Owen 1972; `gauss_legendre`).

    Parameters
    ----------
    own
        (terms, players): the explained row's factors.
    back
        (background rows, terms, players): those of the background.
    alpha
        (terms, outputs), divided by the number of background rows.
    points, weights
        (points,): of the integral over q.
    values
        (players, outputs): added to.
    """
    terms, players, count = own.shape[0], own.shape[1], points.shape[0]
    before, run = np.empty((players, count)), np.empty(count)
    share = np.empty(players)
    for m in range(terms):
        for p in range(players):
            share[p] = 0.0
        for b in range(back.shape[0]):
            for k in range(count):
                run[k] = 1.0
            for p in range(players):
                start = back[b, m, p]
                step = own[m, p] - start
                for k in range(count):
                    before[p, k] = run[k]
                    run[k] *= start + points[k] * step
            for k in range(count):
                run[k] = weights[k]
            for p in range(players - 1, -1, -1):
                start = back[b, m, p]
                step = own[m, p] - start
                total = 0.0
                for k in range(count):
                    total += before[p, k] * run[k]
                    run[k] *= start + points[k] * step
                share[p] += total * step
        for p in range(players):
            for o in range(alpha.shape[1]):
                values[p, o] += share[p] * alpha[m, o]
