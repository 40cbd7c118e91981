"""Entropy model: lossless, as short as the model says, found from data, and any bytes decode or are refused."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowmac.entropy import Codes, EntropyModel
from flowmac.errors import BitstreamError, CheckpointError
from flowmac.training.entropy_trainer import fit_entropy_model

N_CODES = 24


def draw_codes(n_groups: int, seed: int = 0) -> tuple[Codes, np.ndarray]:
    """Groups of two kinds, whose codes lie in different halves of a byte three times out of four; and their kinds."""
    random = np.random.default_rng(seed)
    kinds = random.integers(0, 2, n_groups)
    is_typical = random.random((n_groups, N_CODES)) < 0.75
    half = np.where(is_typical, kinds[:, None], 1 - kinds[:, None])
    return (128 * half + random.integers(0, 128, (n_groups, N_CODES))).astype(np.uint8), kinds


@pytest.fixture(scope="module")
def model() -> EntropyModel:
    codes, kinds = draw_codes(20_000)
    activity = kinds + np.random.default_rng(1).normal(0, 2, len(codes))  # says little about the kinds
    return fit_entropy_model(codes, activity.astype(np.float32), n_levels=6, n_classes=2)


def test_classes_are_found_and_save_what_they_can(model: EntropyModel) -> None:
    """Log2 of 128 bits for the place in a half, and the entropy of three in four for the half."""
    codes, kinds = draw_codes(2000, seed=5)
    bits = model.bits(codes, np.array(N_CODES))
    found = bits.argmin(axis=1)
    assert max((found == kinds).mean(), (found != kinds).mean()) > 0.97
    ideal = 7 + 0.25 * np.log2(4) + 0.75 * np.log2(4 / 3)
    assert (bits.min(axis=1).mean() - 1) / N_CODES == pytest.approx(ideal, rel=0.01)


@given(st.lists(st.integers(0, N_CODES), min_size=1, max_size=4), st.integers(0, 1000))
@settings(max_examples=200, deadline=None)
def test_round_trip(model: EntropyModel, sizes: list[int], seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 256, (len(sizes), N_CODES)).astype(np.uint8)
    groups = [row[:size] for row, size in zip(codes, sizes, strict=True)]
    decoded = model.decode(model.encode(groups), sizes)
    assert all(map(np.array_equal, decoded, groups))


def test_length_is_that_of_the_model_and_half_a_byte(model: EntropyModel) -> None:
    lengths, bits = [], []
    for seed in range(50):
        codes, _ = draw_codes(3, seed)
        lengths.append(len(model.encode(list(codes))))
        bits.append(model.bits(codes, np.array(N_CODES)).min(axis=1).sum())
    waste = np.array(lengths) - np.array(bits) / 8
    assert waste.min() > -1
    assert waste.max() < 1.5
    assert waste.mean() < 0.8


def test_bits_count_the_first_codes_alone(model: EntropyModel) -> None:
    codes, _ = draw_codes(10)
    some = model.bits(codes, np.full(10, 7))
    np.testing.assert_allclose(some, model.bits(codes[:, :7], np.array(7)), rtol=1e-6)


def test_codes_beyond_the_known_levels_cost_a_byte_each(model: EntropyModel) -> None:
    known, _ = draw_codes(5)
    further = np.random.default_rng(0).integers(256, size=(5, 9), dtype=np.uint8)
    codes = np.concatenate([known, further], axis=1)
    np.testing.assert_allclose(
        model.bits(codes, np.full(5, N_CODES + 7)), model.bits(known, np.full(5, N_CODES)) + 8 * 7, rtol=1e-6
    )
    assert all(map(np.array_equal, model.decode(model.encode(list(codes)), [N_CODES + 9] * 5), codes))


@given(st.binary(max_size=100))
@settings(max_examples=200, deadline=None)
def test_any_bytes_decode_or_are_refused(model: EntropyModel, data: bytes) -> None:
    with contextlib.suppress(BitstreamError):
        assert [len(group) for group in model.decode(data, [N_CODES, 5])] == [N_CODES, 5]


def test_models_are_kept(model: EntropyModel, tmp_path: Path) -> None:
    path = tmp_path / "entropy.safetensors"
    model.save(path)
    again = EntropyModel.load(path)
    assert again.digest() == model.digest()
    codes, _ = draw_codes(3)
    assert again.encode(list(codes)) == model.encode(list(codes))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="damaged"):
        EntropyModel.load(path)
