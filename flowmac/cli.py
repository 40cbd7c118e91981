"""The command line of the codec; other packages add their commands by the entry point group ``flowmac.commands``.

Results go to stdout, talk to stderr. Exit status: 0, 1 for a failure, 2 for wrong use or input.
"""

from __future__ import annotations

import functools
import importlib
import logging
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import flowmac
from flowmac.errors import FlowMACError, SettingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from flowmac.audio import FloatArray

COMMAND_GROUP = "flowmac.commands"

app = typer.Typer(
    name="flowmac",
    help="Code audio at about 3 kbit/s with FlowMAC, and measure how good codecs are.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
train_app = typer.Typer(help="Train a codec or its vocoder on recordings of your own.", no_args_is_help=True)
app.add_typer(train_app, name="train")

Model = Annotated[str, typer.Option(help="Released name, model folder, or hub id owner/name.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"flowmac {flowmac.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Code audio at about 3 kbit/s with FlowMAC, and measure how good codecs are."""


@app.command()
def encode(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Recording: WAV, FLAC, Ogg, Opus or MP3.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Stream to write, usually .fmac.")],
    kbps: Annotated[float, typer.Option(help="Payload rate of each channel in kbit/s, a multiple of 0.375.")] = 3.0,
    beam: Annotated[int | None, typer.Option(help="Paths of the quantiser's search; time grows with it.")] = None,
    refine: Annotated[int, typer.Option(help="Rounds of choosing codes anew by what is heard; each takes time.")] = 0,
    adaptive: Annotated[
        bool, typer.Option("--adaptive", help="Share the rate out by need; it is then a mean.")
    ] = False,
    entropy: Annotated[
        bool, typer.Option("--entropy", help="Range-code the codes: the same ones in fewer bits.")
    ] = False,
    model: Model = "base",
    mono: Annotated[bool, typer.Option("--mono", help="Mix all channels down to one first.")] = False,
    force: Force = False,
) -> None:
    """Code a recording into a .fmac stream."""
    check_target(target, force)
    from flowmac.audio import open_audio, read_blocks
    from flowmac.codec import Codec

    with open_audio(source) as file:
        duration_s = file.frames / file.samplerate
    codec = Codec.from_pretrained(model)
    settings = codec.encode_settings(kbps, beam=beam, refine=refine, adaptive=adaptive, entropy=entropy)
    blocks: Iterable[FloatArray] = read_blocks(source, codec.sample_rate_hz)
    if mono:
        blocks = (block.mean(axis=0, keepdims=True) for block in blocks)
    data = codec.encode_blocks(_progress(blocks, "encoding", duration_s, codec.sample_rate_hz), settings)
    _write(target, data)
    typer.echo(f"{target}: {_describe(data)}")


@app.command()
def decode(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A .fmac stream.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Recording to write; .wav or .flac.")],
    nfe: Annotated[int | None, typer.Option(help="Network evaluations of the flow; 0 leaves it out.")] = None,
    cfg: Annotated[float | None, typer.Option(help="Guidance scale; 1 is none, others double the cost.")] = None,
    solver: Annotated[str, typer.Option(help="euler, midpoint, heun or rk4.")] = "euler",
    time_grid: Annotated[
        str, typer.Option(help="Steps of the solver: uniform, or early for short ones first.")
    ] = "uniform",
    seed: Annotated[int, typer.Option(help="Seed of noise and start phase.")] = 0,
    temperature: Annotated[
        float | None, typer.Option(help="Strength of the noise: 0 gives the expected mel, 1 texture.")
    ] = None,
    conceal: Annotated[
        bool, typer.Option("--conceal", help="Bridge damaged packets, and say which, instead of refusing the stream.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(help="Released name, model folder, or hub id owner/name.", show_default="the release that fits"),
    ] = None,
    force: Force = False,
) -> None:
    """Decode a .fmac stream; options not given are the model's defaults."""
    check_target(target, force)
    from flowmac.audio import AudioWriter
    from flowmac.bitstream import parse_header
    from flowmac.codec import Codec
    from flowmac.packets import salvage

    data = _read(source)
    header = parse_header(data)
    if conceal:
        for damage in salvage(data)[2]:
            typer.echo(
                f"packet {damage.packet + 1} of channel {damage.channel + 1} is damaged: concealed from "
                f"{damage.start_s:.2f} to {damage.end_s:.2f} s",
                err=True,
            )
    codec = Codec.for_stream(data) if model is None else Codec.from_pretrained(model)
    settings = codec.decode_settings(
        nfe=nfe, cfg=cfg, solver=solver, time_grid=time_grid, seed=seed, temperature=temperature
    )
    blocks = codec.decode_blocks(data, settings, conceal=conceal)
    with AudioWriter(target, codec.sample_rate_hz, header.n_channels) as writer:
        for block in _progress(blocks, "decoding", header.duration_s, codec.sample_rate_hz):
            writer.write(block)
    typer.echo(f"{target}: {header.duration_s:.2f} s at {codec.sample_rate_hz} Hz, {_channels(header.n_channels)}")


@app.command()
def info(source: Annotated[Path, typer.Argument(metavar="FILE", help="A .fmac stream.")]) -> None:
    """Show what a .fmac stream says about itself, and whether it is whole."""
    from flowmac.packets import unpack

    data = _read(source)
    header, _ = unpack(data)
    options = [name for name, used in (("by need", header.is_by_need), ("range coded", header.is_range_coded)) if used]
    typer.echo(f"{source}: {_describe(data)}")
    typer.echo(f"format           version {header.version}{''.join(f', {name}' for name in options)}")
    typer.echo(f"sample rate      {header.sample_rate_hz} Hz")
    typer.echo(f"samples          {header.n_samples} a channel, {header.n_frames} frames of {header.hop_samples}")
    typer.echo(f"codebook levels  {header.n_levels}{' on average' if header.is_by_need else ''}")
    rest = header.n_frames % header.group_frames
    if rest and not header.is_by_need:
        typer.echo(f"last group       {rest} of {header.group_frames} frames, coded with its share of bytes")
    typer.echo(f"packets          {header.n_packets} a channel, all checksums fit")
    typer.echo(f"codebooks        {header.codebooks_id.hex()}")


TrainConfig = Annotated[str, typer.Argument(metavar="CONFIG", help="YAML file, or a preset such as base-flow.")]
TrainOutput = Annotated[Path, typer.Option("-o", "--output", help="Folder for weights, training state and logs.")]
TrainData = Annotated[Path | None, typer.Option("--data", help="Manifest (CSV) or folder of recordings.")]
TrainSteps = Annotated[int | None, typer.Option(help="Stop at this step instead of the configuration's.")]
TrainSmoke = Annotated[bool, typer.Option("--smoke", help="A small run of two minutes that shows the loss falling.")]


@train_app.command("codec")
def train_codec(
    config: TrainConfig,
    output: TrainOutput,
    data: TrainData = None,
    n_steps: TrainSteps = None,
    smoke: TrainSmoke = False,
) -> None:
    """Train transform, codebooks and flow; run again, it goes on where it stopped."""
    _training().train_codec(config, output, data, n_steps, smoke)


@train_app.command("vocoder")
def train_vocoder(
    config: TrainConfig,
    output: TrainOutput,
    data: TrainData = None,
    n_steps: TrainSteps = None,
    smoke: TrainSmoke = False,
) -> None:
    """Train a network from mel to audio; run again, it goes on where it stopped."""
    _training().train_vocoder(config, output, data, n_steps, smoke)


@train_app.command("export")
def train_export(
    codec: Annotated[str, typer.Argument(metavar="CODEC", help="Folder of a codec's training run, or a model.")],
    vocoder: Annotated[str, typer.Argument(metavar="VOCODER", help="Folder of a vocoder's training run, or a model.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Model folder to write.")],
    config: Annotated[str, typer.Option(help="Model configuration, or a preset.")] = "base",
    force: Force = False,
) -> None:
    """Join a trained codec and a trained vocoder to a model folder, in half precision."""
    from flowmac.checkpoint import CONFIG_FILE, export, find_model
    from flowmac.config import CodecConfig, read_config, shipped_or_path

    check_target(output / CONFIG_FILE if output.exists() else output, force)
    model = read_config(CodecConfig, shipped_or_path("model configuration", config))
    export(find_model(codec), find_model(vocoder), output, model)
    typer.echo(f"{output}: decode with --model {output}")


@train_app.command("entropy")
def train_entropy(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Released name or model folder; gets the result.")],
    data: Annotated[Path, typer.Option("--data", help="Manifest (CSV) or folder of recordings.")],
    n_segments: Annotated[int, typer.Option(min=1, help="Random segments to learn from, 16 groups each.")] = 6000,
    force: Force = False,
) -> None:
    """Fit the statistics that --entropy needs to a model's codes; to be done again for other codebooks."""
    from flowmac.checkpoint import CODEC_FILE, ENTROPY_FILE, find_model, find_weights

    target = find_weights(find_model(model), CODEC_FILE).with_name(ENTROPY_FILE)
    check_target(target, force)
    _training("entropy_trainer").train_entropy(target.parent, data, n_segments)
    typer.echo(f"{target}: encode with --entropy --model {model}")


@train_app.command("levels")
def train_levels(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Released name or model folder; gets the result.")],
    data: Annotated[Path, typer.Option("--data", help="Manifest (CSV) or folder of recordings.")],
    n_further: Annotated[int, typer.Option(min=1, max=24, help="Further levels.")] = 8,
    n_segments: Annotated[int, typer.Option(min=1, help="Random segments to learn from, 8 groups each.")] = 1600,
    force: Force = False,
) -> None:
    """Fit further codebook levels to a model's codec, for rates above its own and for --adaptive."""
    from flowmac.checkpoint import CODEC_FILE, FURTHER_FILE, find_model, find_weights

    target = find_weights(find_model(model), CODEC_FILE).with_name(FURTHER_FILE)
    check_target(target, force)
    _training("levels_trainer").train_levels(target.parent, data, n_further, n_segments)
    typer.echo(f"{target}: encode with a higher --kbps, or with --adaptive, and --model {model}")


def _training(module: str = "run") -> ModuleType:
    try:
        found = importlib.import_module(f"flowmac.training.{module}")
    except ImportError as error:
        raise SettingError(f"training needs more packages ({error.name}): pip install 'flowmac[train]'") from None
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    return found


def check_target(path: Path, force: bool) -> None:
    """Refuse to overwrite without --force, before any work is done.

    Raises:
        SettingError: the file exists, or its folder does not.
    """
    if path.exists() and not force:
        raise SettingError(f"{path}: exists already; --force overwrites it")
    if not path.parent.is_dir():
        raise SettingError(f"{path.parent}: there is no such folder to write into")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingError(f"{path}: cannot be read ({error.strerror})") from None


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise SettingError(f"{path}: cannot be written ({error.strerror})") from None


def _progress(
    blocks: Iterable[FloatArray], action: str, duration_s: float, sample_rate_hz: int
) -> Iterator[FloatArray]:
    """Pass blocks on and show how far they have come; silent for what takes no time."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(action), BarColumn(), TextColumn("{task.completed:.0f} of {task.total:.0f} s"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(action, total=duration_s)
        for block in blocks:
            yield block
            bar.advance(task, block.shape[1] / sample_rate_hz)


def _describe(data: bytes) -> str:
    from flowmac.bitstream import parse_header
    from flowmac.packets import payload_bits

    header = parse_header(data)
    payload_kbps = payload_bits(data) / header.duration_s / 1000
    total_kbps = 8 * len(data) / header.duration_s / 1000
    return (
        f"{header.duration_s:.2f} s, {_channels(header.n_channels)}, {len(data)} bytes: "
        f"{payload_kbps:.3f} kbit/s payload, {total_kbps:.3f} with header and checksums"
    )


def _channels(n_channels: int) -> str:
    return "mono" if n_channels == 1 else f"{n_channels} channels"


@functools.cache
def full_app() -> typer.Typer:
    """The application with the commands of all installed packages."""
    for point in entry_points(group=COMMAND_GROUP):
        point.load()(app)
    return app


def main() -> None:
    """Run the command line: no traceback for what a user can mend."""
    try:
        full_app()()
    except FlowMACError as error:
        typer.echo(f"flowmac: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("flowmac: interrupted; what was finished is kept", err=True)
        sys.exit(130)
