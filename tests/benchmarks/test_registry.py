"""Registries of codecs and metrics, and what other installed packages add to them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from benchmarks.codecs.base import CodecAdapter
from benchmarks.registry import Registry
from benchmarks.results import read_rows
from flowmac.errors import SettingError


def test_refuses_a_name_twice_and_knows_near_matches() -> None:
    registry: Registry = Registry("codec", {"opus": "a:B"})
    registry.register("own", "my_package.codecs:Own")
    assert registry.names() == ["opus", "own"]
    with pytest.raises(SettingError, match="registered already, as a:B"):
        registry.register("opus", "c:D")
    for target in ("c.D", "c:", ":D", "c:D.e", "c:D:e"):
        with pytest.raises(SettingError, match="module:Class"):
            registry.register("other", target)
    with pytest.raises(SettingError, match="did you mean opus"):
        registry.target("opos")


def install(folder: Path, package: str, entry_points: str, modules: dict[str, str]) -> None:
    """Lays a package into ``folder`` as pip does: modules, and a dist-info folder with metadata and entry points."""
    info = folder / f"{package}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(textwrap.dedent(entry_points))
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(source))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the search path for packages."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


GOOD = """
    from benchmarks.codecs.base import CodecAdapter

    class Good(CodecAdapter):
        name = "good_codec"
        summary = "for tests"
        label = "Good"
        def encode(self, waveform): return b""
        def decode(self, data): raise NotImplementedError
        def payload_bits(self, data): return 0

    class Unfinished(CodecAdapter):
        name = "unfinished"
        summary = "for tests"

    class Misnamed(Good):
        name = "another"

    number = 3
"""


def test_entry_points_of_other_packages_are_found_and_broken_ones_named(site: Path) -> None:
    install(
        site,
        "plug_a",
        """\
        [flowmac.codecs]
        good_codec = plug_a_module:Good
        opus = plug_a_module:Good
        raises = plug_a_raises:Anything
        nowhere = plug_a_nowhere:Anything
        no_class = plug_a_module:number
        no_attribute = plug_a_module:Absent
        unfinished = plug_a_module:Unfinished
        misnamed = plug_a_module:Misnamed
        bad_target = plug_a_module

        [flowmac.metrics]
        good_metric = plug_a_module:Good
        """,
        {"plug_a_module": GOOD, "plug_a_raises": "raise RuntimeError('needs a licence key')"},
    )
    install(site, "plug_b", "[flowmac.codecs]\ngood_codec = plug_a_module:Unfinished\n", {})
    registry: Registry[CodecAdapter] = Registry(
        "codec", {"opus": "benchmarks.codecs.conventional:Opus"}, "flowmac.codecs"
    )
    classes, problems = registry.load_all()
    assert set(classes) == {"opus", "good_codec"}
    assert classes["good_codec"].summary == "for tests"
    assert classes["opus"].__name__ == "Opus"
    told = "\n".join(problems)
    for words in (
        "'opus' of plug_a 1.2 is not used: the codec 'opus' is registered already, as benchmarks.codecs",
        "'good_codec' of plug_b 1.2 is not used: the codec 'good_codec' is registered already, as plug_a_module:Good",
        "'bad_target' of plug_a 1.2 is not used: the target of a codec must look like 'module:Class'",
        "'raises' of plug_a 1.2 (plug_a_raises:Anything) cannot be used: RuntimeError: needs a licence key",
        "'nowhere' of plug_a 1.2 (plug_a_nowhere:Anything) cannot be used: ModuleNotFoundError",
        "'no_attribute' of plug_a 1.2",
        "'no_class' of plug_a 1.2 (plug_a_module:number) cannot be used: it is no subclass of CodecAdapter",
        "'unfinished' of plug_a 1.2 (plug_a_module:Unfinished) cannot be used: it does not define decode, encode",
        "'misnamed' of plug_a 1.2 (plug_a_module:Misnamed) cannot be used: its attribute 'name' is 'another'",
    ):
        assert words in told
    assert len(problems) == 9
    with pytest.raises(SettingError, match="needs a licence key"):
        registry.get("raises")
    assert registry.target("good_codec") == "plug_a_module:Good"
    assert Registry("metric", {}, "flowmac.metrics").names() == ["good_metric"]


def test_importing_the_registry_imports_no_other_package(site: Path) -> None:
    install(site, "plug_c", "[flowmac.codecs]\nheavy = plug_c_heavy:Heavy\n", {"plug_c_heavy": "raise SystemExit(9)"})
    program = "import sys; from benchmarks.codecs import CODECS; assert 'heavy' in CODECS.names(); print('done')"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r}); {program}"],
        capture_output=True,
        text=True,
    )
    assert done.stdout == "done\n", done.stderr


def example_files(document: Path, package: str) -> dict[str, str]:
    """The files of an example package in a document, by the path that stands before each block."""
    files = {}
    for part in document.read_text(encoding="utf-8").split(f"\n`{package}/")[1:]:
        path, _, rest = part.partition("`")
        block = rest.partition("```")[2].partition("```")[0]
        files[path] = block.partition("\n")[2]
    return files


def install_example(document: Path, package: str, tmp_path: Path) -> Path:
    """The example package of a document, installed by pip into a folder."""
    files = example_files(document, package)
    assert set(files) == {"pyproject.toml", f"{package}.py"}
    source, target = tmp_path / package, tmp_path / "installed"
    source.mkdir()
    for name, text in files.items():
        (source / name).write_text(text)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(source)], check=True, capture_output=True, text=True)
    return target


def test_the_documented_codec_works_when_installed(repository: Path, tmp_path: Path) -> None:
    target = install_example(repository / "benchmarks" / "CODECS.md", "my_codec", tmp_path)
    program = f"""
import sys, json
sys.path.insert(0, {str(target)!r})
import numpy as np
from benchmarks.codecs import CODECS
from flowmac.audio import Waveform
classes, problems = CODECS.load_all()
codec = classes["mu_law"]
encoder, decoder = (codec(codec.settings_model(kbps=64)) for _ in range(2))
waveform = Waveform(np.sin(np.arange(8000) / 20, dtype=np.float32)[None], 16000)
data = encoder.encode(waveform)
decoded = decoder.decode(data)
reference = waveform.resampled(8000).samples
snr_db = 10 * np.log10((reference**2).mean() / ((decoded.samples - reference) ** 2).mean())
print(json.dumps([problems, encoder.label, encoder.payload_bits(data) / waveform.duration_s, float(snr_db)]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=repository)
    assert done.returncode == 0, done.stderr
    problems, label, bits_a_second, snr_db = json.loads(done.stdout)
    assert problems == []
    assert label == "mu-law 64 kbit/s"
    assert bits_a_second == pytest.approx(64000)
    assert snr_db > 30


def test_the_documented_metric_is_swept_when_installed(repository: Path, tmp_path: Path) -> None:
    """By the command line, whose workers must find it as well."""
    target = install_example(repository / "benchmarks" / "METRICS.md", "my_metric", tmp_path)
    (tmp_path / "spec.yaml").write_text(
        "name: x\nmetrics: [crest]\nconditions: [{codec: reference}, {codec: lowpass, cutoff_hz: 3500}]\n"
    )
    run = tmp_path / "run"
    clips = repository / "benchmarks" / "demo" / "clips"
    arguments = ["sweep", tmp_path / "spec.yaml", "-o", run, "--clips", clips, "--limit", "1", "--workers", "1"]
    done = subprocess.run(
        [sys.executable, "-c", "from flowmac.cli import main; main()", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(repository), str(target)])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    scores = {row.codec: row.scores["crest"] for row in read_rows(run)}
    assert scores["reference"].value == 0
    assert scores["lowpass"].value is not None
    assert scores["lowpass"].value > 0.01
    assert scores["lowpass"].version.startswith("own implementation, revision 1")
