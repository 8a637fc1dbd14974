# SPDX-License-Identifier: Apache-2.0
import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.nets.stereo import LeanConfig


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_disp", 100),
        ("max_disp", "many"),
        ("widths", (16, 32, 64)),
        ("widths", (16, 32, 64, 10**9)),
        ("widths", 5),
        ("widths", [1, 2, 3, [4]]),
        ("groups", 0),
        ("groups", None),
        ("matching_width", 50),
        ("volume_widths", "abc"),
        ("half_matching_width", 1),
        ("refinement_width", 10**9),
    ],
)
def test_a_bad_value_is_named_with_what_was_expected(field, value):
    with pytest.raises(ConfigError, match=rf"network {field} is .*expected"):
        LeanConfig.from_dict({field: value})


@pytest.mark.parametrize("values", [None, 1, "text", [], ["max_disp"], {1: 2}])
def test_other_things_than_names_and_values_are_refused(values):
    with pytest.raises(ConfigError, match="expected names and values"):
        LeanConfig.from_dict(values)
