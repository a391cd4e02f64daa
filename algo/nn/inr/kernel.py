"""The empirical neural tangent kernel of a coordinate network: which patterns it learns fast, and which slowly."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from quadrille.algo.data import CoordinateGrid
from quadrille.algo.spec import InvalidInput

from .model import CoordinateNetwork

__all__ = ["tangent_kernel_eigenvalues"]


def tangent_kernel_eigenvalues(model: CoordinateNetwork, grid: CoordinateGrid) -> NDArray[np.float64]:
    """The eigenvalues of `K[i, j] = <d o(x_i) / d theta, d o(x_j) / d theta>`, falling, divided by the greatest.

    x are the points of `grid` in their order, theta all parameters as they stand, o the first result. Under gradient
    descent with a small rate an error along an eigenvector falls as exp(-rate * eigenvalue * steps): eigenvalues that
    decay slowly are a network that learns fine detail early. Source: Jacot et al. 2018.

    Raises
    ------
    InvalidInput
        If the grid has more than 4,096 points.
    """
    if grid.points > 4096:
        raise InvalidInput(f"Tangent kernel must be of at most 4096 points, not {grid.points}")
    parameters = list(model.parameters())
    results = model(torch.tensor(grid.codes()).to(parameters[0]))[:, 0]
    rows: list[torch.Tensor] = []
    for point in range(grid.points):
        gradients = torch.autograd.grad(results[point], parameters, retain_graph=True, allow_unused=True)
        parts = zip(gradients, parameters, strict=True)
        rows.append(torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in parts]).double())
    jacobian = torch.stack(rows)
    values = torch.linalg.eigvalsh(jacobian @ jacobian.T).flip(0).clamp_min(0)
    return (values / values[0].clamp_min(1e-300)).numpy()
