"""Model folders: a configuration and weights as safetensors, read without pickle.

A model folder holds ``config.json``, ``codec.safetensors`` (transform, codebooks, networks and flow) and
``vocoder.safetensors``; if its streams can be range coded or have further levels, ``entropy.safetensors`` and
``further_levels.safetensors``. Files that it has in common with a release may be left to that (``weights_of``). A
released name is a folder in ``flowmac/weights``; other names are folders or hub ids.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor, nn

from flowmac.config import CodecConfig, read_config
from flowmac.errors import CheckpointError, unknown_name

CONFIG_FILE = "config.json"
CODEC_FILE = "codec.safetensors"
VOCODER_FILE = "vocoder.safetensors"
#: Optional: made by `flowmac train entropy` for the codec beside it.
ENTROPY_FILE = "entropy.safetensors"
#: Optional: made by `flowmac train levels` for the codec beside it.
FURTHER_FILE = "further_levels.safetensors"

OPTIONAL_FILES = (ENTROPY_FILE, FURTHER_FILE)


def releases_folder() -> Path:
    """Folder of the weights that come with the package."""
    return Path(str(resources.files("flowmac") / "weights"))


def released_names() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(path.parent.name for path in releases_folder().glob(f"*/{CONFIG_FILE}"))


def find_model(name: str | Path) -> Path:
    """Folder of a model given by released name, folder, or hub id such as ``owner/name``.

    Raises:
        CheckpointError: nothing of that name is here or on the hub.
        SettingError: the name is close to a released one.
    """
    if str(name) in released_names():
        return releases_folder() / str(name)
    path = Path(name)
    if path.is_dir():
        if not (path / CONFIG_FILE).exists():
            raise CheckpointError(f"{path}: holds no {CONFIG_FILE}, so it is no model folder")
        return path
    if path.is_absolute() or str(name).startswith("."):
        raise CheckpointError(f"{name}: there is no such model folder")
    if str(name).count("/") == 1:
        return _download(str(name))
    raise unknown_name("model (a released name, a folder, or a hub id 'owner/name')", str(name), released_names())


def _download(hub_id: str) -> Path:
    try:
        import huggingface_hub
    except ImportError:
        raise CheckpointError(
            f"'{hub_id}' is no folder here; to fetch it from the hub: pip install 'flowmac[hub]'"
        ) from None
    files = [CONFIG_FILE, CODEC_FILE, VOCODER_FILE, *OPTIONAL_FILES]
    try:
        return Path(huggingface_hub.snapshot_download(hub_id, allow_patterns=files))
    except Exception as error:  # the hub's client raises errors of many libraries
        raise CheckpointError(f"'{hub_id}' is no folder here and cannot be fetched from the hub: {error}") from None


def read_model_config(folder: Path) -> CodecConfig:
    """The configuration of a model folder."""
    return read_config(CodecConfig, folder / CONFIG_FILE)


def find_weights(folder: Path, file_name: str) -> Path:
    """Path of a model folder's weights: there, or else with the release that its configuration names.

    Raises:
        CheckpointError: there is no such release.
    """
    release = read_model_config(folder).weights_of
    if release is None or (folder / file_name).exists():
        return folder / file_name
    if release not in released_names():
        raise CheckpointError(f"{folder / CONFIG_FILE}: weights_of names no release: {release}")
    return releases_folder() / release / file_name


def load_weights(module: nn.Module, path: Path) -> None:
    """Load a safetensors file into ``module``; half precision becomes the module's own.

    Raises:
        CheckpointError: the file is missing, damaged, or does not fit the module.
    """
    tensors = load_tensors(path)
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: does not fit its configuration: {error}") from None


def save_weights(module: nn.Module, path: Path) -> None:
    """Write all weights of ``module`` as safetensors, replacing a file at once and whole."""
    save_tensors({name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}, path)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file by name.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    if not path.exists():
        raise CheckpointError(f"{path}: weights are missing")
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: is damaged or no safetensors file ({error})") from None


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write tensors as safetensors, replacing a file at once and whole."""
    part = path.with_suffix(".part")
    part.write_bytes(safetensors.torch.save(tensors))  # save_file would make a file that only its owner may read
    part.replace(path)


def save_config(config: CodecConfig, folder: Path) -> None:
    """Write the configuration of a model folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(config.model_dump_json(indent=2) + "\n", encoding="utf-8")


def weights_sha256(folder: Path) -> str:
    """Hash of a model folder's configuration and weights."""
    digest = hashlib.sha256()
    files = [find_weights(folder, name) for name in (CODEC_FILE, VOCODER_FILE, *OPTIONAL_FILES)]
    for path in (folder / CONFIG_FILE, *files):
        if path.name not in OPTIONAL_FILES or path.exists():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def export(codec: Path, vocoder: Path, target: Path, config: CodecConfig) -> None:
    """Join the codec of one training run and the vocoder of another to a model folder in half precision.

    Args:
        codec, vocoder: run folders, or model folders.
        target: gets configuration and weights; files that are there are replaced.
        config: of the result, with its name and decoding defaults.

    Raises:
        CheckpointError: weights are missing or damaged.
    """
    save_config(config, target)
    for source in (find_weights(codec, CODEC_FILE), find_weights(vocoder, VOCODER_FILE)):
        tensors = {name: tensor.half() for name, tensor in load_tensors(source).items()}
        save_tensors(tensors, target / source.name)
