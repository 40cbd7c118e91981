"""EnCodec, DAC and Mimi at 24 kHz through Hugging Face transformers."""

from __future__ import annotations

import functools
import math
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pydantic

from benchmarks.codecs.base import refuse_rate
from benchmarks.codecs.neural import CONFIG_FILE, IntArray, NeuralCodec, NeuralSettings, ready_to_run
from benchmarks.metrics.base import stand_in_module
from flowmac.audio import FloatArray
from flowmac.errors import SettingError

if TYPE_CHECKING:
    import torch

#: Rates are typed with few digits: Mimi's lowest is 0.1375.
RATE_TOLERANCE = 0.01


class _TransformersCodec(NeuralCodec):
    """A residual vector quantiser whose rate is the number of codebooks in use.

    Attributes:
        model_name: class in ``transformers``; its configuration's class ends in ``Config`` in place of ``Model``.
    """

    model_name: ClassVar[str]

    modules = ("transformers",)
    distribution = "transformers"
    weight_files = ("model.safetensors",)

    def __init__(self, settings: NeuralSettings) -> None:
        super().__init__(settings)
        self._config = _read_config(self.model_name, self._folder)
        if self._config.sampling_rate != self.sample_rate_hz:
            raise SettingError(
                f"{self._folder}: {self.title} codes at {self._config.sampling_rate} Hz there, expected "
                f"{self.sample_rate_hz}"
            )
        self._n_codebooks = self._find_n_codebooks()

    def _find_n_codebooks(self) -> int:
        possible = self.possible_kbps()
        for n_codebooks, kbps in possible.items():
            if abs(self.nominal_kbps - kbps) <= RATE_TOLERANCE * kbps:
                return n_codebooks
        raise refuse_rate(f"{self.title} of {self._folder.name}", self.nominal_kbps, possible.values())

    def possible_kbps(self) -> dict[int, float]:
        """Rate in kbit/s by number of codebooks."""
        each_kbps = self.frame_rate_hz * self.code_bits / 1000
        return {n: n * each_kbps for n in range(1, self.max_codebooks + 1)}

    @property
    def nominal_kbps(self) -> float:
        """The rate asked for."""
        kbps: float = self.settings.kbps  # type: ignore[attr-defined]  # every class below has settings with a rate
        return kbps

    @property
    def n_codebooks(self) -> int:
        """Codebooks in use."""
        return self._n_codebooks

    @property
    def code_bits(self) -> int:
        """Bits of a code."""
        return math.ceil(math.log2(self._config.codebook_size))

    @property
    def frame_rate_hz(self) -> float:
        """Frames in a second."""
        return float(self._config.frame_rate)

    @property
    def max_codebooks(self) -> int:
        """Codebooks that there are."""
        return int(self._config.num_quantizers)

    @functools.cached_property
    def _model(self) -> Any:
        return _load_model(self.model_name, self._folder)

    def codes(self, samples: FloatArray) -> IntArray:
        """Codes of all frames, those of one frame together."""
        import torch

        # A frame that is not full is completed with zeros; what they decode to is cut off again.
        n_frame = round(self.sample_rate_hz / self.frame_rate_hz)
        padded = np.pad(samples, (0, -len(samples) % n_frame))
        with torch.inference_mode():
            codes = self._encode(torch.from_numpy(padded)[None, None])
        return codes.reshape(self.n_codebooks, -1).T.numpy().ravel().astype(np.int64)

    def audio(self, codes: IntArray) -> FloatArray:
        """Decoded frames."""
        import torch

        frames = torch.from_numpy(np.ascontiguousarray(codes.reshape(-1, self.n_codebooks).T))
        with torch.inference_mode():
            samples: FloatArray = self._decode(frames[None]).reshape(-1).numpy()
        return samples

    def _encode(self, samples: torch.Tensor) -> torch.Tensor:
        """Samples [1, 1, N] to codes [..., K, T]: K codebooks, T frames."""
        return self._model.encode(samples, num_quantizers=self.n_codebooks).audio_codes

    def _decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Codes [1, K, T] to samples [..., N]."""
        return self._model.decode(audio_codes=codes).audio_values


class EnCodecSettings(NeuralSettings):
    """``kbps``: 1.5, 3, 6, 12 or 24 with the authors' weights."""

    kbps: float = pydantic.Field(gt=0)
    weights: str = "facebook/encodec_24khz"


class EnCodec(_TransformersCodec):
    """EnCodec at 24 kHz (Défossez et al. 2022), without its entropy coder."""

    name = "encodec"
    title = "EnCodec"
    summary = "EnCodec 24 kHz, a neural codec for all sounds (Défossez et al. 2022)"
    licence = "Apache-2.0 (transformers); weights: see their card (the authors' package says CC-BY-NC-4.0)"
    rates = "1.5 3 6 12 24"
    model_name = "EncodecModel"
    settings_model = EnCodecSettings
    settings: EnCodecSettings

    def possible_kbps(self) -> dict[int, float]:
        """Rates that the weights were trained for."""
        rates = super().possible_kbps()
        return {n: rates[n] for n in rates if any(math.isclose(rates[n], b) for b in self._config.target_bandwidths)}

    def _encode(self, samples: torch.Tensor) -> torch.Tensor:
        return self._model.encode(samples, bandwidth=self.possible_kbps()[self.n_codebooks]).audio_codes

    def _decode(self, codes: torch.Tensor) -> torch.Tensor:
        return self._model.decode(codes[None], [None]).audio_values


class DACSettings(NeuralSettings):
    """``kbps``: a multiple of 0.75 up to 24 with the authors' weights."""

    kbps: float = pydantic.Field(gt=0)
    weights: str = "descript/dac_24khz"


class DAC(_TransformersCodec):
    """Descript Audio Codec at 24 kHz (Kumar et al. 2023)."""

    name = "dac"
    title = "DAC"
    summary = "Descript Audio Codec 24 kHz, a neural codec for all sounds (Kumar et al. 2023)"
    licence = "Apache-2.0 (transformers); weights MIT"
    rates = "0.75 to 24 in steps of 0.75"
    model_name = "DacModel"
    settings_model = DACSettings
    settings: DACSettings

    @property
    def max_codebooks(self) -> int:
        """Codebooks that there are."""
        return int(self._config.n_codebooks)

    def _encode(self, samples: torch.Tensor) -> torch.Tensor:
        return self._model.encode(samples, n_quantizers=self.n_codebooks).audio_codes


class MimiSettings(NeuralSettings):
    """``kbps``: a multiple of 0.1375 up to 4.4 with the authors' weights, such as 1.1 (8 codebooks)."""

    kbps: float = pydantic.Field(gt=0)
    weights: str = "kyutai/mimi"


class Mimi(_TransformersCodec):
    """Mimi (Défossez et al. 2024), made for speech; 12.5 frames a second."""

    name = "mimi"
    title = "Mimi"
    summary = "Mimi 24 kHz, a neural codec for speech (Défossez et al. 2024)"
    licence = "Apache-2.0 (transformers); weights CC-BY-4.0"
    rates = "0.1375 to 4.4 in steps of 0.1375 (1.1: 8 codebooks)"
    model_name = "MimiModel"
    settings_model = MimiSettings
    settings: MimiSettings


def _read_config(model_name: str, folder: Path) -> Any:
    config_class = transformers_class(model_name.removesuffix("Model") + "Config")
    try:
        values, _ = config_class.get_config_dict(folder)
        if values.get("model_type") != config_class.model_type:
            raise SettingError(
                f"{folder / CONFIG_FILE}: is the configuration of '{values.get('model_type')}', expected "
                f"'{config_class.model_type}'"
            )
        return config_class.from_dict(values)
    except (OSError, ValueError, TypeError) as error:
        raise SettingError(f"{folder / CONFIG_FILE}: cannot be read as a configuration ({error})") from None


@functools.cache
def _load_model(model_name: str, folder: Path) -> Any:
    """All rates share one model in memory.

    Raises:
        SettingError: the weights are damaged or not complete; transformers would draw what is missing at random.
    """
    model_class = transformers_class(model_name)
    try:
        model, report = model_class.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except Exception as error:  # damaged files give errors of several libraries
        raise SettingError(f"{folder}: the weights cannot be loaded ({error})") from None
    lacking = sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]]))
    if lacking:
        raise SettingError(
            f"{folder}: the weights do not fit their configuration: {len(lacking)} are missing, such as {lacking[0]}"
        )
    return ready_to_run(model)


def transformers_class(name: str) -> Any:
    """A class of ``transformers``, which loads torchaudio where it is installed; its wheels need a CUDA build of torch
    and nothing here needs them.
    """
    torchaudio = ModuleType("torchaudio")
    torchaudio.__spec__ = ModuleSpec("torchaudio", None)
    with stand_in_module("torchaudio", torchaudio):
        import transformers

        transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # a sweep has its own
        return getattr(transformers, name)
