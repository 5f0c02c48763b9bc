"""Timecode labels, against the published drop-frame counts."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mam.lib import timecode

NTSC = Fraction(30000, 1001)
DOUBLE_NTSC = Fraction(60000, 1001)


@pytest.mark.parametrize(
    ("frame", "rate", "is_drop_frame", "label"),
    [
        (0, Fraction(25), False, "00:00:00:00"),
        (90_000, Fraction(25), False, "01:00:00:00"),
        (107_957, NTSC, True, "01;00;02;05"),
        (107_957, NTSC, False, "00:59:58:17"),
        (1799, NTSC, True, "00;00;59;29"),
        (1800, NTSC, True, "00;01;00;02"),  # labels 00 and 01 of a minute do not exist
        (17_982, NTSC, True, "00;10;00;00"),  # but in each tenth minute they do
        (107_892, NTSC, True, "01;00;00;00"),
        (3600, DOUBLE_NTSC, True, "00;01;00;04"),
        (86_400, Fraction(24000, 1001), True, "01:00:00:00"),  # no drop-frame at 23.976, whatever the flag says
        (250, Fraction(120), False, "00:00:02:010"),
    ],
)
def test_labels_follow_the_standard(frame: int, rate: Fraction, is_drop_frame: bool, label: str) -> None:
    assert timecode.label(frame, rate, is_drop_frame=is_drop_frame) == label


@given(frame=st.integers(0, 24 * 107_892 - 2), rate=st.sampled_from([NTSC, DOUBLE_NTSC]))
def test_drop_frame_labels_grow_with_the_frame_and_skip_only_what_is_dropped(frame: int, rate: Fraction) -> None:
    this, following = (timecode.label(number, rate, is_drop_frame=True) for number in (frame, frame + 1))
    assert this < following
    minute, frames = int(this[3:5]), int(this[9:])
    dropped = 2 if rate == NTSC else 4
    assert not (minute % 10 and this[6:8] == "00" and frames < dropped)


@pytest.mark.parametrize(("frame", "rate"), [(-1, Fraction(25)), (0, Fraction(0))])
def test_what_has_no_label_is_refused(frame: int, rate: Fraction) -> None:
    with pytest.raises(ValueError, match="timecode"):
        timecode.label(frame, rate)


RATES = [Fraction(24), Fraction(24000, 1001), Fraction(25), NTSC, Fraction(50), DOUBLE_NTSC, Fraction(120)]


@given(frame=st.integers(0, 10_000_000), rate=st.sampled_from(RATES), is_drop_frame=st.booleans())
def test_a_label_leads_back_to_its_frame(frame: int, rate: Fraction, is_drop_frame: bool) -> None:
    label = timecode.label(frame, rate, is_drop_frame=is_drop_frame)
    assert timecode.frame_number(label, rate, is_drop_frame=is_drop_frame) == frame


@pytest.mark.parametrize(
    "label",
    ["", "01:00:00", "1h", "00:60:00:00", "00:00:60:00", "00:00:00:30", "00;01;00;01", "-1:00:00:00", "٠١:00:00:00"],
)
def test_what_is_no_label_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match=r"timecode|drop-frame"):
        timecode.frame_number(label, NTSC, is_drop_frame=True)
