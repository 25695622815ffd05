"""Many shops and a little that they share: the normal distribution whose precision has the shape of an arrow.

Given what is shared, the shops are independent, so everything costs one small matrix per shop (the Schur complement;
e.g. Golub & Van Loan, Matrix Computations, 4.2) and nothing ever holds shops x shops.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Arrow:
    """A normal distribution in information form: precision blocks (shop, e, e), edges (shop, e, shared), shared.

    `pull` (shop, e) and `pull_shared` (shared,) are precision @ mean. All blocks and the Schur complement must be
    positive definite; numpy's LinAlgError says where they are not.
    """

    blocks: np.ndarray
    edges: np.ndarray
    shared: np.ndarray
    pull: np.ndarray
    pull_shared: np.ndarray

    @cached_property
    def _root(self) -> np.ndarray:
        return np.linalg.cholesky(self.blocks)

    @cached_property
    def spread(self) -> np.ndarray:
        """(shop, e, e) covariance of a shop given what is shared."""
        return np.linalg.inv(self.blocks)

    @cached_property
    def schur(self) -> np.ndarray:
        """(shared, shared) precision of what is shared, the shops integrated out."""
        return self.shared - np.einsum("lia,lij,ljb->ab", self.edges, self.spread, self.edges)

    @cached_property
    def shared_mean(self) -> np.ndarray:
        """(shared,) its mean."""
        pulled = self.pull_shared - np.einsum("lia,lij,lj->a", self.edges, self.spread, self.pull)
        return np.linalg.solve(self.schur, pulled)

    def shops(self, shared: np.ndarray) -> np.ndarray:
        """(shop, e) mean of the shops, given a value of what is shared."""
        return np.einsum("lij,lj->li", self.spread, self.pull - self.edges @ shared)

    def log_det(self) -> float:
        """ln |precision|."""
        shops, shared = self._root.diagonal(axis1=1, axis2=2), np.linalg.cholesky(self.schur).diagonal()
        return 2 * float(np.log(shops).sum() + np.log(shared).sum())

    def log_evidence(self) -> float:
        """ln of the integral of exp(pull' t - t' precision t / 2), but for the powers of 2 pi."""
        shared = self.shared_mean
        shops = self.shops(shared)
        return 0.5 * (float((self.pull * shops).sum() + self.pull_shared @ shared) - self.log_det())

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """One draw of the shops (shop, e) and of what they share (shared,)."""
        root = np.linalg.cholesky(self.schur)
        shared = self.shared_mean + np.linalg.solve(root.T, rng.standard_normal(len(root)))
        noise = np.linalg.solve(np.swapaxes(self._root, 1, 2), rng.standard_normal((*self.pull.shape, 1)))
        return self.shops(shared) + noise[..., 0], shared
