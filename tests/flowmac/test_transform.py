"""The group transform against what theory says of it."""

from __future__ import annotations

import torch

from flowmac.config import LatentConfig, MelConfig
from flowmac.transform import GroupTransform, band_weights, snake_order

N_BANDS, GROUP_FRAMES = 6, 4
MEL = MelConfig(n_bands=N_BANDS)


def _transform(vector_size: int, tilt: float = 0.0) -> GroupTransform:
    return GroupTransform(MEL, LatentConfig(group_frames=GROUP_FRAMES, vector_size=vector_size, tilt=tilt))


def _correlated(n: int) -> torch.Tensor:
    torch.manual_seed(0)
    mixing = torch.randn(GROUP_FRAMES * N_BANDS, GROUP_FRAMES * N_BANDS)
    return (torch.randn(n, GROUP_FRAMES * N_BANDS) @ mixing + 3).reshape(n, GROUP_FRAMES, N_BANDS)


def test_snake_order_deals_forth_and_back() -> None:
    assert snake_order(6, 3) == [0, 5, 1, 4, 2, 3]
    assert sorted(snake_order(64, 8)) == list(range(64))


def test_all_coefficients_give_the_mel_back() -> None:
    mel = _correlated(200)
    transform = _transform(N_BANDS)
    transform.fit(mel)
    assert torch.allclose(transform.inverse(transform(mel)), mel, atol=1e-3)


def test_coefficients_are_uncorrelated_with_the_variances_that_fit_returns() -> None:
    mel = _correlated(5000)
    transform = _transform(N_BANDS)
    variances, _ = transform.fit(mel)
    latents = transform(mel).flatten(1)
    covariance = latents.T @ latents / len(latents)
    expected = torch.diag(variances.float()[snake_order(GROUP_FRAMES * N_BANDS, GROUP_FRAMES)])
    assert torch.allclose(covariance, expected, atol=1e-3 * float(variances[0]))


def test_dropped_coefficients_cost_their_variance() -> None:
    mel = _correlated(2000)
    transform = _transform(2)
    variances, _ = transform.fit(mel)
    error = (transform.inverse(transform(mel)) - mel).square().sum(dim=(1, 2)).mean()
    assert torch.allclose(error.double(), variances[8:].sum(), rtol=1e-3)


def test_tilt_moves_the_error_to_high_bands_and_loses_nothing_else() -> None:
    mel = _correlated(2000)
    errors = []
    for tilt in (0.0, 2.0):
        transform = _transform(2, tilt)
        transform.fit(mel)
        errors.append((transform.inverse(transform(mel)) - mel).square().mean(dim=(0, 1)))
    assert errors[1][0] < errors[0][0]
    assert errors[1][-1] > errors[0][-1]
    whole = _transform(N_BANDS, 2.0)
    whole.fit(mel)
    assert torch.allclose(whole.inverse(whole(mel)), mel, atol=1e-3)
    weights = band_weights(MelConfig(), tilt=1.0)
    assert weights[0] > 0.999
    assert torch.isclose(weights[-1], torch.tensor(1 / (1 + (11_700 / 3000) ** 2) ** 0.5), rtol=0.02)
