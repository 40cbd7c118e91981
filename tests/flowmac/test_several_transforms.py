"""Several transforms, one chosen for each group: how they are found, chosen, named, and trained."""

from __future__ import annotations

import numpy as np
import pydantic
import pytest
import torch
from torch import Tensor

from flowmac import bitstream
from flowmac.audio import Waveform
from flowmac.codec import Codec
from flowmac.config import AttentionConfig, CodecConfig, LatentConfig, MelConfig
from flowmac.errors import SettingError
from flowmac.quantizer import FAR, ResidualVectorQuantizer
from flowmac.training.codec_trainer import CodecTask
from flowmac.training.dataset import PackedAudio
from flowmac.transform import GroupTransform
from tests.flowmac.conftest import make_model

N_TRANSFORMS = 4
N_POSITIONS, SIZE = 3, 6


@pytest.fixture
def quantizer() -> ResidualVectorQuantizer:
    """Fitted to latents whose energy is where one of the transforms is at home."""
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(3, N_POSITIONS, SIZE, decay=0.9, n_transforms=N_TRANSFORMS).eval()
    latents, kinds = _latents(4000)
    quantizer.fit(latents, torch.Generator().manual_seed(0), n_iterations=3, transforms=kinds)
    return quantizer


def _latents(n: int) -> tuple[Tensor, Tensor]:
    """Latents [n, Q, D], each with the same energy by all transforms, and one that makes it compact: [n]."""
    kinds = torch.arange(n) % N_TRANSFORMS
    latents = torch.randn(n, N_TRANSFORMS, N_POSITIONS, SIZE)
    compact = latents[torch.arange(n), kinds]
    compact[..., 1:] *= 0.01
    latents[torch.arange(n), kinds] = compact
    energies = latents.square().sum(dim=(2, 3), keepdim=True)
    return (latents * (20 / energies).sqrt()).flatten(1, 2), kinds


def test_the_first_code_names_the_transform_and_the_others_stay_silent(quantizer: ResidualVectorQuantizer) -> None:
    latents, kinds = _latents(200)
    codes = quantizer.encode(latents, 3, beam_width=2)
    assert codes.shape == (200, N_POSITIONS, 3)
    transforms = quantizer.transforms_of(codes)
    assert float((transforms == kinds).float().mean()) > 0.95
    decoded = quantizer.decode(codes).unflatten(1, (N_TRANSFORMS, N_POSITIONS))
    is_other = torch.arange(N_TRANSFORMS) != transforms[:, None]
    assert not decoded[is_other].any()
    assert bool(decoded[~is_other].any(dim=(1, 2)).all())


@pytest.mark.parametrize("beam_width", [1, 100])
def test_each_group_gets_the_transform_of_the_least_error(quantizer: ResidualVectorQuantizer, beam_width: int) -> None:
    """Also where the beam is wider than a transform's share of the first codebook."""
    latents = _latents(100)[0] * torch.linspace(0.5, 1.5, 100)[:, None, None]
    each, errors = quantizer.encode_each(latents, 3, beam_width)
    energy = latents.square().unflatten(1, (N_TRANSFORMS, -1)).sum(dim=(2, 3))
    for n_levels in (1, 2, 3):
        codes = quantizer.encode(latents, n_levels, beam_width)
        if n_levels == 3:  # the last of `encode_each`, and the only one that a beam ends with
            assert torch.equal(codes, each[:, -1])
        tried = []
        for transform in range(N_TRANSFORMS):
            alone = ResidualVectorQuantizer(3, N_POSITIONS, SIZE, decay=0.9)
            place = slice(transform * N_POSITIONS, (transform + 1) * N_POSITIONS)
            alone.codebooks.copy_(quantizer.codebooks[:, place])
            own = latents[:, place]
            error = (own - alone.decode(alone.encode(own, n_levels, beam_width))).square().sum(dim=(1, 2))
            tried.append(error + energy.amax(dim=1) - energy[:, transform])
        least = torch.stack(tried).min(dim=0)
        assert torch.equal(quantizer.transforms_of(codes), least.indices)
        if beam_width == 1 or n_levels == 3:
            torch.testing.assert_close(errors[:, n_levels - 1], least.values, rtol=1e-4, atol=1e-4)


def test_a_lone_transform_needs_no_share_of_the_first_codebook() -> None:
    quantizer = ResidualVectorQuantizer(1, N_POSITIONS, SIZE, decay=0.9)
    assert quantizer.named_by(0) == slice(0, 256)
    assert not quantizer.transforms_of(torch.full((5, N_POSITIONS, 1), 255, dtype=torch.uint8)).any()


def test_training_moves_the_codebooks_of_the_chosen_transform_alone(quantizer: ResidualVectorQuantizer) -> None:
    latents, kinds = _latents(400)
    latents, kinds = latents[kinds == 2], kinds[kinds == 2]
    before = quantizer.codebooks.clone()
    shares = quantizer.shares.clone()
    quantizer.usage[:] = 1.0
    quantizer.train()
    given = latents.clone().requires_grad_()
    given.grad = torch.zeros_like(given)
    quantised = quantizer(given, 3)
    expected = quantizer.eval().decode(quantizer.encode(latents, 3, beam_width=1))
    assert quantised.shape == expected.shape
    quantised.sum().backward()
    place = slice(2 * N_POSITIONS, 3 * N_POSITIONS)
    assert bool((given.grad[:, place] == 1).all())
    assert float(given.grad.sum()) == given[:, place].numel()
    moved = (quantizer.codebooks - before).abs().amax(dim=(0, 2, 3)) > 1e-5
    assert moved.nonzero().flatten().tolist() == list(range(place.start, place.stop))
    assert bool((quantizer.shares[:, place] != shares[:, place]).any())


def test_entries_that_name_other_transforms_never_come_near(quantizer: ResidualVectorQuantizer) -> None:
    quantizer.train()
    for _ in range(20):
        quantizer(_latents(300)[0], 3)
    for transform in range(N_TRANSFORMS):
        first = quantizer.codebooks[0, transform * N_POSITIONS]
        is_far = (first == FAR).all(dim=1)
        names = quantizer.named_by(transform)
        assert not is_far[names].any()
        assert int(is_far.sum()) == 256 - (names.stop - names.start)


def test_two_kinds_of_groups_get_a_transform_each() -> None:
    """Groups of either kind lie in a plane of their own: two coefficients hold them, one transform of two cannot."""
    torch.manual_seed(0)
    planes = torch.linalg.qr(torch.randn(16, 4)).Q.T.unflatten(0, (2, 2))  # [2, 2, P * M], at right angles
    kinds = torch.arange(600) % 2
    spread = torch.tensor([1.0, 3.0])[kinds]
    groups = (torch.randn(600, 1, 2) @ planes[kinds])[:, 0] * spread[:, None]
    mel = groups.unflatten(1, (4, 4))  # groups of 4 frames of 4 bands
    errors = []
    for n_transforms in (1, 2):
        config = LatentConfig(group_frames=2, vector_size=1, n_transforms=n_transforms)
        transform = GroupTransform(MelConfig(n_bands=8), config)
        both = mel.reshape(-1, 2, 8)
        _, chosen = transform.fit(both)
        latents = transform(both).unflatten(2, (n_transforms, 2))
        best = torch.zeros_like(latents)
        best[torch.arange(600), 0, chosen] = latents[torch.arange(600), 0, chosen]
        errors.append(float((transform.inverse(best.flatten(2, 3)) - both).square().mean()))
    assert errors[1] < 0.02 * errors[0]
    agreement = float((chosen == kinds).float().mean())
    assert max(agreement, 1 - agreement) > 0.98


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, small_config: CodecConfig) -> Codec:
    """The small codec with four transforms."""
    folder = tmp_path_factory.mktemp("several")
    latent = small_config.latent.model_copy(update={"n_transforms": N_TRANSFORMS})
    make_model(folder, small_config.model_copy(update={"latent": latent}))
    return Codec.from_pretrained(folder)


@pytest.mark.parametrize("kbps", [0.75, 3.0, 3.75])
@pytest.mark.parametrize(("adaptive", "entropy"), [(False, False), (True, False), (True, True)])
def test_streams_go_through_the_whole_codec(
    model: Codec, sound: Waveform, kbps: float, adaptive: bool, entropy: bool
) -> None:
    data = model.encode(sound, kbps, adaptive=adaptive, entropy=entropy)
    header = bitstream.parse_header(data)
    assert header.n_samples == sound.samples.shape[1]
    decoded = model.decode(data)
    assert decoded.samples.shape == sound.samples.shape
    assert np.isfinite(decoded.samples).all()
    assert np.abs(decoded.samples).max() < 2


def test_all_transforms_are_used_and_the_rate_stays(model: Codec, codec: Codec, sound: Waveform) -> None:
    assert len(model.encode(sound)) == len(codec.encode(sound))
    mel = model.vocoder.mel
    compressed = mel.compress(mel(torch.from_numpy(sound.samples[:, : 8 * 512 * 30])))
    codes = model.mel_codec.encode(compressed, 8)
    assert len(model.mel_codec.quantizer.transforms_of(codes.flatten(0, 1)).unique()) > 1


def test_refinement_knows_but_one(model: Codec, sound: Waveform) -> None:
    with pytest.raises(SettingError, match="several"):
        model.encode(sound, refine=1)


def test_a_stage_goes_on_with_several(model: Codec, packed_sound: PackedAudio) -> None:
    task = CodecTask(model.config, None, packed_sound, 64, 64, "autoencoder", torch.device("cpu"))
    wave = torch.from_numpy(packed_sound.samples[: 2 * 64 * 512].astype(np.float32) / 32767).view(2, -1)
    losses = task(wave, torch.Generator().manual_seed(0))
    assert torch.isfinite(losses["loss"])


@pytest.mark.parametrize(
    ("latent", "message"),
    [
        ({"n_transforms": 3}, "1, 2, 4, 8 or 16"),
        (
            {
                "n_transforms": 2,
                "group_frames": 1,
                "token_frames": 1,
                "attention": AttentionConfig(reach_frames=4),
            },
            "without transform",
        ),
    ],
)
def test_wrong_numbers_are_told(latent: dict[str, object], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        CodecConfig.model_validate({"name": "x", "latent": latent})
