# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from foundation_stereo_ros.estimate.remarks import (
    BehindInfinity,
    NewRemarks,
    RowsOff,
    SidesExchanged,
    TooNear,
)


def test_each_kind_is_said_once_and_again_when_it_differs() -> None:
    new, rows = NewRemarks(), RowsOff(7.9, 8.0, 8.1)
    assert new([rows, SidesExchanged()]) == [rows, SidesExchanged()]
    assert new([rows, SidesExchanged()]) == []
    assert new([RowsOff(8.4, 8.6, 9.0)]) == [], "within what is measured"
    moved = RowsOff(11.9, 12.0, 12.1)
    assert new([moved, BehindInfinity(0.4)]) == [moved, BehindInfinity(0.4)]
    assert new([moved]) == [] and new([]) == []
    assert new([RowsOff(5.0, 12.0, 19.0)]) != [], "a rotation came with it"
    assert len(new([TooNear(10, 0.01, 128, 150)])) == 1
    assert new([TooNear(9000, 0.5, 128, 300)]) == [], "it comes and goes with every frame"


def test_sentences_have_the_figures() -> None:
    assert str(RowsOff(7.9, 8.0, 8.1)).startswith("the right image is about 8 rows lower than the left one")
    assert "about 2.4 rows higher" in str(RowsOff(-2.5, -2.4, -2.3))
    assert "from -4.0 to 6 rows lower" in str(RowsOff(-4.0, 0.5, 6.0))
    turned = RowsOff(-4.0, 0.5, 6.0).turned(-1)
    assert "from -6 to 4.0 columns farther right" in str(turned)
    assert "lower in the lower one" in str(SidesExchanged().turned(1))
    assert "(cy)" in str(BehindInfinity(0.3).turned(1)) and "(cx)" in str(BehindInfinity(0.3))
    assert "31 %" in str(BehindInfinity(0.31))
    near = str(TooNear(65000, 0.212, 128.0, 151.6))
    assert all(part in near for part in ("21.2 %", "65000", "128 px", "152"))


def test_what_would_help_is_said_in_the_words_of_whoever_shows_it() -> None:
    remark = TooNear(1, 0.1, 128, 150, remedies=({"scale": "0.8"}, {"hierarchical": ""}))
    assert remark.told(lambda name, value: f"--{name} {value}".rstrip()).endswith(
        "(--scale 0.8 or --hierarchical)"
    )
    assert SidesExchanged().told(lambda name, value: name) == str(SidesExchanged())
