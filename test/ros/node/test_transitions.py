# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from foundation_stereo_ros.errors import CheckpointError

pytestmark = pytest.mark.ros


def test_impossible_transition_is_answered(make_node) -> None:
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState
    from rclpy.lifecycle import LifecycleNode

    from foundation_stereo_ros.ros.node.transitions import refuse_impossible_transitions

    node = make_node(kind=LifecycleNode)
    refuse_impossible_transitions(node)
    (service,) = (s for s in node.services if s.srv_name.endswith("change_state"))

    def ask(transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return service.callback(request, ChangeState.Response()).success

    assert not ask(Transition.TRANSITION_ACTIVATE)
    assert ask(Transition.TRANSITION_CONFIGURE)
    assert not ask(Transition.TRANSITION_CONFIGURE)
    assert ask(Transition.TRANSITION_ACTIVATE)


def test_a_users_mistake_is_one_line_and_ours_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    from foundation_stereo_ros.ros.node.transitions import failure

    assert failure("configure", CheckpointError("no weights at x")) == "cannot configure: no weights at x"
    assert failure("activate", KeyError("x")) == "cannot activate: KeyError: 'x'"
    assert [bool(record.exc_info) for record in caplog.records] == [False, True]
