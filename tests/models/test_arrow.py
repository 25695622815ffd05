"""Is the arrow-shaped distribution that of the whole matrix, which it never makes?"""

import numpy as np
import pytest

from barberlab.models.arrow import Arrow

SHOPS, SHARED = 4, 3


@pytest.fixture
def arrow() -> Arrow:
    """Four shops of two parameters, three shared ones."""
    rng = np.random.default_rng(0)
    blocks = np.stack([np.eye(2) * 3 + 0.3 * np.ones((2, 2)) for _ in range(SHOPS)])
    return Arrow(blocks, 0.4 * rng.standard_normal((SHOPS, 2, SHARED)), 9 * np.eye(SHARED),
                 rng.standard_normal((SHOPS, 2)), rng.standard_normal(SHARED))  # fmt: skip


def whole(arrow: Arrow) -> tuple[np.ndarray, np.ndarray]:
    """(precision, precision @ mean), shops first."""
    size = 2 * SHOPS + SHARED
    precision = np.zeros((size, size))
    for shop in range(SHOPS):
        own = slice(2 * shop, 2 * shop + 2)
        precision[own, own], precision[own, 2 * SHOPS :] = arrow.blocks[shop], arrow.edges[shop]
        precision[2 * SHOPS :, own] = arrow.edges[shop].T
    precision[2 * SHOPS :, 2 * SHOPS :] = arrow.shared
    return precision, np.concatenate([arrow.pull.ravel(), arrow.pull_shared])


def test_means_and_variances_are_those_of_the_whole(arrow):
    precision, pull = whole(arrow)
    mean, variance = np.linalg.solve(precision, pull), np.diag(np.linalg.inv(precision))
    found = arrow.marginals()
    np.testing.assert_allclose(found[0].ravel(), mean[: 2 * SHOPS])
    np.testing.assert_allclose(found[1].ravel(), variance[: 2 * SHOPS])
    np.testing.assert_allclose(arrow.shared_mean, mean[2 * SHOPS :])


def test_determinant_and_evidence_are_those_of_the_whole(arrow):
    precision, pull = whole(arrow)
    log_det = np.linalg.slogdet(precision)[1]
    assert arrow.log_det() == pytest.approx(log_det)
    assert arrow.log_evidence() == pytest.approx(0.5 * (pull @ np.linalg.solve(precision, pull) - log_det))


def test_draws_have_the_covariance_of_the_whole(arrow):
    """A draw is linear in its normals: the draws of unit vectors are a square root of the covariance."""
    size = 2 * SHOPS + SHARED
    middle = np.concatenate([part.ravel() for part in arrow.draw(np.zeros((SHOPS, 2)), np.zeros(SHARED))])
    units = [arrow.draw(one[: 2 * SHOPS].reshape(SHOPS, 2), one[2 * SHOPS :]) for one in np.eye(size)]
    root = np.stack([np.concatenate([part.ravel() for part in unit]) - middle for unit in units], axis=1)
    np.testing.assert_allclose(root @ root.T, np.linalg.inv(whole(arrow)[0]), atol=1e-12)
