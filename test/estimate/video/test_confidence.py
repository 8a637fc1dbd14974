# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import torch
from posed_scenes import small_clip, small_network

from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.video.confidence import agreement
from foundation_stereo_ros.estimate.video.config import VideoSettings
from foundation_stereo_ros.estimate.video.estimator import PosedImage, VideoEstimator
from foundation_stereo_ros.geometry.poses import motion
from foundation_stereo_ros.nets.video import VideoNetwork


def _tensor(matrix: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(matrix)).float()[None]


def _case(factor: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The agreement of a generated frame's depth, times a factor, with two other views; and what is known."""
    clip = small_clip()
    greys = [_tensor(image.mean(axis=2))[None] for image in clip.images]
    pose, depth = clip.poses[2], clip.depths[2]
    views = [(greys[i], _tensor(motion(pose, clip.poses[i]))) for i in (1, 3)]
    found = agreement(_tensor(depth * factor), greys[2], views, _tensor(clip.camera.matrix))
    return found[0].numpy(), depth > 0


def test_views_agree_at_the_true_depth_and_less_elsewhere() -> None:
    right, known = _case()
    assert right.max() <= 0.5  # nothing is known of a last depth
    for factor in (0.7, 1.5):
        wrong, _ = _case(factor)
        assert wrong[known].mean() < right[known].mean() - 0.02


def test_the_last_depth_counts() -> None:
    grey = _tensor(np.random.default_rng(0).uniform(0, 255, (32, 48)))[None]
    depth, k = torch.full((1, 32, 48), 2.0), _tensor(np.array([[40.0, 0, 24], [0, 40, 16], [0, 0, 1]]))
    still = torch.eye(4)[None]
    same = agreement(depth, grey, [(grey, still)], k, (depth, still))
    other = agreement(depth, grey, [(grey, still)], k, (1.1 * depth, still))
    assert same.min() > 0.99
    torch.testing.assert_close(other, same * np.exp(-1), atol=0.01, rtol=0)


def test_what_no_view_sees_is_not_sure_at_all() -> None:
    grey = torch.rand(1, 1, 32, 48) * 255
    depth, k = torch.full((1, 32, 48), 2.0), _tensor(np.array([[40.0, 0, 24], [0, 40, 16], [0, 0, 1]]))
    behind = torch.diag(torch.tensor([1.0, 1, -1, 1]))[None]
    assert agreement(depth, grey, [(grey, behind)], k).max() == 0


def _predictions(model: VideoNetwork | None, **settings: object) -> list[Prediction]:
    clip = small_clip(6, 0, 192, 256)
    config = VideoSettings.from_mapping({"size": "192x256", "device": "cpu", **settings})
    estimator = VideoEstimator(config, model)
    frames = zip(clip.images, clip.poses, strict=True)
    found = [estimator.step(PosedImage(image, clip.camera, pose)) for image, pose in frames]
    return [prediction for prediction in found if prediction is not None]


def test_every_network_tells_how_sure_it_is_and_a_threshold_takes_off() -> None:
    for model in (None, small_network(), small_network(True)):
        prediction = _predictions(model)[-1]
        assert prediction.confidence.shape == prediction.depth.shape
        assert 0 <= prediction.confidence.min() <= prediction.confidence.max() <= 1
        fewer = _predictions(model, confidence_threshold=0.4)[-1]
        np.testing.assert_array_equal(fewer.valid, prediction.valid & (prediction.confidence >= 0.4))
        assert _predictions(model, confidence=False)[-1].confidence is None


def test_the_weights_that_ship_know_where_they_are_wrong() -> None:
    prediction, truth = _predictions(None)[-1], small_clip(6, 0, 192, 256).depths[-1]
    known = prediction.valid & (truth > 0)
    error = np.abs(prediction.depth - truth)[known] / truth[known]
    confidence = prediction.confidence[known]
    sure = confidence >= np.median(confidence)
    assert known.sum() > 20000
    assert error[sure].mean() < 0.5 * error[~sure].mean()
