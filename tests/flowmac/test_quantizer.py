"""Residual vector quantiser: round trips, search, start from the data, training."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from torch import Tensor

from flowmac.quantizer import CHUNK_VECTORS, N_ENTRIES, ResidualVectorQuantizer, count_codes, perplexity
from flowmac.training.levels_trainer import fit_levels


@pytest.fixture
def quantizer() -> ResidualVectorQuantizer:
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(n_levels=4, n_positions=3, vector_size=6, decay=0.9).eval()
    for level in range(4):
        quantizer.codebooks[level] = torch.randn(3, N_ENTRIES, 6) * 0.5**level
    return quantizer


@pytest.mark.parametrize("n_levels", [1, 2, 3, 4])
@pytest.mark.parametrize("beam_width", [1, 4])
def test_codes_of_decoded_codes_decode_to_the_same(
    quantizer: ResidualVectorQuantizer, n_levels: int, beam_width: int
) -> None:
    latents = torch.randn(100, 3, 6)
    codes = quantizer.encode(latents, n_levels, beam_width)
    assert codes.shape == (100, 3, n_levels)
    assert codes.dtype == torch.uint8
    decoded = quantizer.decode(codes)
    again = quantizer.decode(quantizer.encode(decoded, n_levels, beam_width=64))
    assert (again - decoded).square().mean() < 1e-3


def test_decode_sums_the_named_entries(quantizer: ResidualVectorQuantizer) -> None:
    codes = torch.randint(N_ENTRIES, (5, 3, 4), dtype=torch.uint8)
    expected = torch.zeros(5, 3, 6)
    for n, p, level in itertools.product(range(5), range(3), range(4)):
        expected[n, p] += quantizer.codebooks[level, p, int(codes[n, p, level])]
    assert torch.allclose(quantizer.decode(codes), expected, atol=1e-6)
    n_valid = torch.randint(5, (5, 3))
    for n, p in itertools.product(range(5), range(3)):
        for level in range(int(n_valid[n, p]), 4):
            expected[n, p] -= quantizer.codebooks[level, p, int(codes[n, p, level])]
    assert torch.allclose(quantizer.decode(codes, n_valid), expected, atol=1e-5)


def test_further_levels_are_one_codebook_made_smaller(quantizer: ResidualVectorQuantizer) -> None:
    codebook = torch.randn(N_ENTRIES, 6)
    quantizer.add_levels(codebook, torch.tensor([0.1, 0.05]))
    assert quantizer.max_levels == 6
    for position in range(3):
        assert torch.allclose(quantizer.entries(5)[position], 0.05 * codebook)
    latents = torch.randn(100, 3, 6)
    all_errors = quantizer.encode_each(latents, 6, beam_width=4)[1].mean(dim=0)
    assert bool((all_errors.diff() < 0).all())
    decoded = quantizer.decode(quantizer.encode(latents, 6, beam_width=4))
    assert float((latents - decoded).square().sum(dim=(1, 2)).mean()) == pytest.approx(float(all_errors[-1]), rel=0.05)
    quantizer.gain[4] = 1.5
    assert torch.equal(quantizer.restore(decoded, 6), 1.5 * decoded)


def test_further_levels_of_white_noise_shrink_it_evenly() -> None:
    """What is left of white noise in 8 dimensions falls by the same share at each level, a byte's worth."""
    noise = 3 * torch.randn(20000, 8, generator=torch.Generator().manual_seed(0))
    codebook, scales = fit_levels(noise, 4)
    assert codebook.shape == (N_ENTRIES, 8)
    ratios = scales[1:] / scales[:-1]
    assert scales[0] == 1
    assert bool((ratios > 2 ** (-8 / 8)).all()), "better than rate-distortion theory allows"
    assert bool((ratios < 0.75).all())


def test_greedy_search_takes_the_nearest_entry_of_each_level(quantizer: ResidualVectorQuantizer) -> None:
    latents = torch.randn(20, 3, 6)
    codes = quantizer.encode(latents, 2, beam_width=1)
    for n, p in itertools.product(range(20), range(3)):
        residual = latents[n, p]
        for level in range(2):
            nearest = torch.cdist(residual[None], quantizer.codebooks[level, p]).argmin()
            assert int(codes[n, p, level]) == int(nearest)
            residual = residual - quantizer.codebooks[level, p, nearest]


def test_wider_beams_are_better_and_a_full_beam_is_optimal(quantizer: ResidualVectorQuantizer) -> None:
    latents = torch.randn(30, 3, 6)

    def error(n_levels: int, beam_width: int) -> float:
        decoded = quantizer.decode(quantizer.encode(latents, n_levels, beam_width))
        return float((latents - decoded).square().sum())

    errors = [error(4, width) for width in (1, 2, 8, 32)]
    assert errors == sorted(errors, reverse=True)
    sums = quantizer.codebooks[0][:, :, None] + quantizer.codebooks[1][:, None]  # [P, K, K, D], all pairs of entries
    best = sum(
        float(torch.cdist(latents[:, p], sums[p].flatten(0, 1)).min(dim=1).values.square().sum()) for p in range(3)
    )
    assert error(2, N_ENTRIES) == pytest.approx(best, rel=1e-4)


def test_fit_finds_clusters(quantizer: ResidualVectorQuantizer) -> None:
    centres = torch.randn(N_ENTRIES, 3, 6) * 10
    latents = centres.repeat(20, 1, 1) + 0.01 * torch.randn(20 * N_ENTRIES, 3, 6)
    quantizer.fit(latents, torch.Generator().manual_seed(0))
    error = (latents - quantizer.decode(quantizer.encode(latents, 4, 1))).square().mean()
    assert error < 0.01 * latents.square().mean()


def test_restored_latents_have_the_spread_of_the_true_ones(quantizer: ResidualVectorQuantizer) -> None:
    latents = torch.randn(4000, 3, 6)
    quantizer.fit(latents, torch.Generator().manual_seed(0))
    quantizer.fit_gain(latents, beam_width=1)
    for n_levels in (1, 4):
        quantised = quantizer.decode(quantizer.encode(latents, n_levels, 1))
        restored = quantizer.restore(quantised, n_levels)
        assert torch.allclose(restored.std(dim=0), latents.std(dim=0), rtol=0.02)
        assert bool((quantised.std(dim=0) < latents.std(dim=0)).all())


def test_fit_needs_no_more_vectors_than_there_are(quantizer: ResidualVectorQuantizer) -> None:
    latents = torch.randn(10, 3, 6)
    quantizer.fit(latents, torch.Generator().manual_seed(0), n_iterations=2)
    assert torch.allclose(quantizer.decode(quantizer.encode(latents, 1, 1)), latents, atol=1e-4)


def test_forward_agrees_with_encode_and_passes_gradients_through(quantizer: ResidualVectorQuantizer) -> None:
    latents = torch.randn(6, 3, 6, requires_grad=True)
    for n_levels, beam_width in ((4, 1), (2, 3)):
        quantised = quantizer(latents, n_levels, beam_width)
        expected = quantizer.decode(quantizer.encode(latents.detach(), n_levels, beam_width))
        assert torch.allclose(quantised, expected, atol=1e-5)
    quantised.sum().backward()
    assert torch.equal(latents.grad, torch.ones(6, 3, 6))


def test_training_moves_entries_to_the_data_and_revives_dead_codes(quantizer: ResidualVectorQuantizer) -> None:
    torch.manual_seed(1)
    quantizer.train()
    quantizer.codebooks.mul_(100)  # far from the data: nearly all codes start dead
    latents = torch.randn(2000, 3, 6)
    for _ in range(60):
        quantizer(latents, 4)
    codes = quantizer.encode(latents, 4, 1)
    for level in range(4):
        assert perplexity(count_codes(codes[..., level]))[0] > 100, f"level {level + 1} uses few of its codes"
    assert (latents - quantizer.decode(codes)).square().mean() < 0.05


def test_perplexity_of_known_distributions() -> None:
    even, single, half = torch.ones(N_ENTRIES), torch.zeros(N_ENTRIES), torch.zeros(N_ENTRIES)
    single[7], half[:128] = 5, 3
    assert torch.allclose(perplexity(torch.stack([even, single, half])), torch.tensor([256.0, 1.0, 128.0]))
    geometric = 0.5 ** torch.arange(1, N_ENTRIES + 1)  # an entropy of 2 bits
    assert float(perplexity(geometric)) == pytest.approx(4)
    assert float(perplexity(torch.zeros(N_ENTRIES))) == 1


def test_perplexity_of_training_counts_true_choices_alone(quantizer: ResidualVectorQuantizer) -> None:
    """Two clusters use two entries of the first level, however many have credit."""
    quantizer.train()
    latents = torch.tensor([10.0, -10.0]).repeat(500)[:, None, None] + torch.zeros(1000, 3, 6)
    for _ in range(3):
        quantizer(latents, 1)
    assert torch.allclose(perplexity(quantizer.shares[0]), torch.full((3,), 2.0))
    assert bool((perplexity(quantizer.usage[0]) > 10).all())


def test_codes_are_counted_for_each_position() -> None:
    codes = torch.tensor([[0, 255], [3, 255], [3, 1]], dtype=torch.uint8)
    counts = count_codes(codes)
    assert counts.shape == (2, N_ENTRIES)
    assert counts[0].nonzero().flatten().tolist() == [0, 3]
    assert counts[0, 3] == 2
    assert counts[1, 255] == 2
    assert counts.sum() == 6


def test_long_input_is_searched_in_parts_of_equal_result(quantizer: ResidualVectorQuantizer) -> None:
    latents = torch.randn(1000, 3, 6)
    assert latents.shape[0] * latents.shape[1] > 2 * CHUNK_VECTORS
    parts = [quantizer.encode(part, 2, 4) for part in latents.split(7)]
    assert torch.equal(quantizer.encode(latents, 2, 4), torch.cat(parts))


N_FAR = 10  # entries so far away that nobody chooses them


def _follow(latents: Tensor) -> dict[str, Tensor]:
    """What a training step on latents makes of codebooks that are always the same at first."""
    quantizer = ResidualVectorQuantizer(n_levels=2, n_positions=2, vector_size=4, decay=0.9).train()
    quantizer.codebooks.copy_(torch.randn(quantizer.codebooks.shape, generator=torch.Generator().manual_seed(7)))
    quantizer.codebooks[:, :, :N_FAR] = 100.0
    quantizer.usage[:, :, :N_FAR] = 0.0
    quantizer(latents, n_levels=2)
    return {"codebooks": quantizer.codebooks, "usage": quantizer.usage, "shares": quantizer.shares}


def _follow_in_process(rank: int, folder: Path, latents: Tensor) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.manual_seed(rank)
    torch.save(_follow(latents.chunk(2)[rank]), folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_codebooks_follow_the_batches_of_all_processes(tmp_path: Path) -> None:
    latents = torch.randn(600, 2, 4, generator=torch.Generator().manual_seed(0))
    torch.multiprocessing.spawn(_follow_in_process, (tmp_path, latents), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    whole = _follow(latents)
    for name, values in first.items():
        assert torch.equal(values, second[name]), name
        assert torch.allclose(values[:, :, N_FAR:], whole[name][:, :, N_FAR:], atol=1e-6), name
    revived = first["codebooks"][0, 0, :N_FAR]
    assert bool((revived[:, None] == latents[:300, 0]).all(-1).any(-1).all()), "not of the first process' batch"
