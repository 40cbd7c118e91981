"""SNAC at 24 kHz through its authors' package."""

from __future__ import annotations

import functools
import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydantic

from benchmarks.codecs.neural import CONFIG_FILE, IntArray, NeuralCodec, NeuralSettings, ready_to_run
from flowmac.audio import FloatArray
from flowmac.errors import SettingError


class SNACSettings(NeuralSettings):
    """``weights``: folder or hub id. ``seed``: of the noise that the decoder adds."""

    weights: str = "hubertsiuzdak/snac_24khz"
    seed: int = pydantic.Field(default=0, ge=0, lt=2**63)


class SNAC(NeuralCodec):
    """SNAC (Siuzdak et al. 2024): codebooks at several frame rates, one bit rate."""

    name = "snac"
    title = "SNAC"
    summary = "SNAC 24 kHz, a neural codec with codes at several time scales (Siuzdak et al. 2024)"
    modules = ("snac",)
    distribution = "snac"
    licence = "MIT (code and weights)"
    rates = "0.98"
    weight_files = ("pytorch_model.bin",)
    settings_model = SNACSettings
    settings: SNACSettings

    def __init__(self, settings: SNACSettings) -> None:
        super().__init__(settings)
        self._config = _read_config(self._folder / CONFIG_FILE)
        if self._config["sampling_rate"] != self.sample_rate_hz:
            raise SettingError(
                f"{self._folder}: SNAC codes at {self._config['sampling_rate']} Hz there, expected "
                f"{self.sample_rate_hz}"
            )

    @property
    def nominal_kbps(self) -> float:
        """Rate of the codes."""
        hop_samples = math.prod(self._config["encoder_rates"])
        codes_a_second = sum(self.sample_rate_hz / (hop_samples * stride) for stride in self._config["vq_strides"])
        return codes_a_second * self.code_bits / 1000

    @property
    def n_codebooks(self) -> int:
        """Codebooks in use."""
        return len(self._config["vq_strides"])

    @property
    def code_bits(self) -> int:
        """Bits of a code."""
        return math.ceil(math.log2(self._config["codebook_size"]))

    @functools.cached_property
    def _model(self) -> Any:
        return _load_model(self._folder)

    def codes(self, samples: FloatArray) -> IntArray:
        """Codes of one codebook after those of the other."""
        import torch

        with torch.inference_mode():
            codes = self._model.encode(torch.from_numpy(samples.copy())[None, None])
        return np.concatenate([book.numpy().ravel() for book in codes]).astype(np.int64)

    def audio(self, codes: IntArray) -> FloatArray:
        """Decoded audio; the noise is drawn from the seed."""
        import torch

        shares = 1 / np.array(self._config["vq_strides"])
        ends = np.cumsum(np.rint(len(codes) * shares / shares.sum()).astype(int))
        books = [torch.from_numpy(book)[None] for book in np.split(codes, ends[:-1])]
        with torch.inference_mode(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            samples: FloatArray = self._model.decode(books).reshape(-1).numpy()
        return samples


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return {key: config[key] for key in ("sampling_rate", "encoder_rates", "vq_strides", "codebook_size")}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SettingError(f"{path}: cannot be read as a configuration of SNAC ({error})") from None


def new_network(config_path: Path) -> Any:
    """The network of a configuration, untrained."""
    with warnings.catch_warnings():
        # the package uses older ways of torch's, which work and warn
        warnings.simplefilter("ignore")
        import snac

        return snac.SNAC.from_config(str(config_path))


@functools.cache
def _load_model(folder: Path) -> Any:
    """The trained network; the weights are read without running what a pickle may hold."""
    import torch

    try:
        model = new_network(folder / CONFIG_FILE)
        model.load_state_dict(torch.load(folder / SNAC.weight_files[0], map_location="cpu", weights_only=True))
    except Exception as error:  # damaged files give errors of several libraries
        raise SettingError(f"{folder}: the weights cannot be loaded ({error})") from None
    return ready_to_run(model)
