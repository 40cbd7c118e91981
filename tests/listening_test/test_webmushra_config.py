"""Configurations of webMUSHRA become tests; what does not map is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from flowmac.errors import SettingError
from listening_test.stimuli.build import Options, build_test
from listening_test.stimuli.webmushra_config import from_webmushra
from tests.listening_test.bad_tests import RATE_HZ, signal

HEAD = (
    "testname: Codecs\ntestId: codecs\nbufferSize: 2048\nstopOnErrors: true\nremoteService: service/write.php\npages:\n"
)
MUSHRA = """\
- type: mushra
  id: {id}
  name: A trial
  content: rate it
  showWaveform: true
  enableLooping: true
  reference: audio/{id}_ref.wav
  createAnchor35: true
  createAnchor70: {mid}
  showConditionNames: {shown}
  stimuli:
    C1: audio/{id}_1.wav
    Second codec: audio/{id}_2.wav
"""
PAIR = """\
- type: paired_comparison
  id: {id}
  name: Pair
  unforced: no idea
  reference: audio/a_ref.wav
  stimuli:
    C1: audio/a_1.wav
    C2: {other}
"""
LIKERT = "- type: likert_single_stimulus\n  id: mos\n  stimuli: {C1: audio/a_1.wav, C2: audio/a_2.wav}\n  response:\n"
FINISH = """\
- type: finish
  name: Thanks
  writeResults: true
  questionnaire:
  - {type: number, label: Age, name: age, min: 0, max: 100, default: 30}
  - {type: likert, label: Ears, name: ears, response: [{value: good, label: Good}, {value: bad, label: Bad}]}
  - {type: long_text, label: Remarks, name: feedback, optional: true}
  - {type: slider, label: Mood, name: mood}
"""


def _indent(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def _mushra(name: str, mid: bool = True, shown: bool = False) -> str:
    return MUSHRA.format(id=name, mid=str(mid).lower(), shown=str(shown).lower())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """webMUSHRA's folder: ``configs/`` and ``audio/``, with one recording for each name used here."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "audio").mkdir()
    for index, name in enumerate("abt"):
        for version in ("ref", "1", "2"):
            samples = signal(index) + (0 if version == "ref" else 0.1 * signal(10 * index + int(version) + 50))
            soundfile.write(tmp_path / "audio" / f"{name}_{version}.wav", samples, RATE_HZ)
    return tmp_path


def _write(root: Path, *pages: str) -> Path:
    path = root / "configs" / "codecs.yaml"
    path.write_text(HEAD + "".join(pages))
    return path


def test_mushra_pages_become_a_test_that_builds(root: Path) -> None:
    nested = "-\n  - random\n" + _indent(_mushra("a") + _mushra("b", mid=False))
    intro = "- {type: generic, id: hello, name: Welcome, content: <p>Hello</p>}\n"
    config = _write(root, intro, _mushra("t", shown=True), nested, FINISH)
    imported = from_webmushra(config)
    material = imported.material
    assert imported.method == "mushra"
    assert material.title == "Codecs"
    assert [item.id for item in material.items] == ["a", "b"]
    assert [item.id for item in material.training] == ["t"]
    assert [condition.id for condition in material.conditions] == ["reference", "c1", "second-codec"]
    assert {note.split(":")[0] for note in imported.notes} == {"page 'hello'", "question 'mood'"}
    study, findings = build_test(material, root / "test", Options(seed=1, reasons={"n_items": "as in the old test"}))
    assert {finding.rule for finding in findings} == {"n_items"}
    assert [(question.id, question.kind, question.is_required) for question in study.questions] == [
        ("age", "number", True),
        ("ears", "choice", True),
        ("feedback", "text", False),
    ]
    assert study.questions[1].options == ("Good", "Bad")
    assert study.procedure.questionnaire == "after"


def test_a_relaxed_import_adds_no_anchor_that_was_not_asked_for(root: Path) -> None:
    config = _write(root, _mushra("a", mid=False), _mushra("t", mid=False, shown=True))
    assert from_webmushra(config, is_strict=False).material.anchors == ("low_anchor",)
    strict = from_webmushra(config)
    assert strict.material.anchors == ("low_anchor", "mid_anchor")
    assert any("mid anchor is added" in note for note in strict.notes)


@pytest.mark.parametrize(("other", "method"), [("audio/a_2.wav", "ab"), ("audio/a_ref.wav", "abx")])
def test_pairs_are_abx_where_the_reference_is_one_of_them(root: Path, other: str, method: str) -> None:
    imported = from_webmushra(_write(root, PAIR.format(id="pair", other=other)))
    assert imported.method == method
    assert any("every answer is forced" in note for note in imported.notes)
    n_systems = 1 if method == "abx" else 2
    assert [condition.role for condition in imported.material.conditions] == ["reference", *["system"] * n_systems]


@pytest.mark.parametrize("n_points", [2, 5])
def test_likert_pages_are_acr_where_they_have_five_points(root: Path, n_points: int) -> None:
    config = _write(root, LIKERT, *(f"  - {{value: {n}, label: Word}}\n" for n in range(n_points)))
    if n_points == 5:
        imported = from_webmushra(config)
        assert imported.method == "acr"
        assert [condition.role for condition in imported.material.conditions] == ["system", "system"]
    else:
        with pytest.raises(SettingError, match="no page that can be imported"):
            from_webmushra(config)


def test_pages_of_other_methods_are_said(root: Path) -> None:
    config = _write(root, _mushra("a"), _mushra("b"), PAIR.format(id="pair", other="audio/a_2.wav"))
    notes = from_webmushra(config).notes
    assert any("--method ab" in note for note in notes)
    assert from_webmushra(config, method="ab").method == "ab"


BAD = {
    "no pages": ("testname: x\n", "no list 'pages'"),
    "no page of a test": (HEAD + "- {type: bs1116, id: x}\n", "no page that can be imported"),
    "wrong type": (HEAD + _mushra("a").replace("mushra", "[1]", 1), "pages.0.type"),
    "stimuli a list": (HEAD + "- {type: mushra, id: x, stimuli: [a.wav]}\n", "pages.0.stimuli"),
    "page a word": (HEAD + "- mushra\n", "pages.0"),
    "other conditions": (HEAD + _mushra("a") + _mushra("b").replace("C1:", "C3:"), "split the file"),
    "path upwards": (HEAD + _mushra("a").replace("audio/a_2.wav", "../../etc/passwd"), "no path inside"),
    "no reference": (HEAD + _mushra("a").replace("  reference: audio/a_ref.wav\n", ""), "names no reference"),
    "no files": (HEAD + _mushra("zzz"), "name webMUSHRA's folder with --root"),
    "all training": (HEAD + _mushra("a", shown=True), "are training"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_configurations_are_refused(root: Path, name: str) -> None:
    text, message = BAD[name]
    config = root / "configs" / "bad.yaml"
    config.write_text(text)
    with pytest.raises(SettingError, match=message):
        from_webmushra(config)
