# SPDX-License-Identifier: Apache-2.0
"""Pictures without poses in; cameras, depths and points of one scene out."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import CheckpointError, SceneError, counted
from foundation_stereo_ros.estimate.device import available_bytes, memory_use, torch_device
from foundation_stereo_ros.estimate.interface import Engine
from foundation_stereo_ros.estimate.remarks import Remark
from foundation_stereo_ros.estimate.views.alignment.descent import Progress
from foundation_stereo_ros.estimate.views.alignment.problem import PointMap
from foundation_stereo_ros.estimate.views.alignment.selection import check_views
from foundation_stereo_ros.estimate.views.alignment.solve import solve
from foundation_stereo_ros.estimate.views.config import SceneSettings
from foundation_stereo_ros.estimate.views.files.cache import PairCache, PairResult, entry_bytes, pair_key
from foundation_stereo_ros.estimate.views.matching import Matches, match_views
from foundation_stereo_ros.estimate.views.network import Encoded, ViewNetwork, decodings
from foundation_stereo_ros.estimate.views.pairs import Pair, pairs_of
from foundation_stereo_ros.estimate.views.remarks import SamePicture
from foundation_stereo_ros.estimate.views.scene import PairPoints, Scene, View
from foundation_stereo_ros.nets.views import Mast3r, PairPrediction
from foundation_stereo_ros.weights.checkpoint import read_checkpoint
from foundation_stereo_ros.weights.views import LICENCE, built_views

if TYPE_CHECKING:
    from typing_extensions import Self

_SHARE = 0.6  # of the free memory that predictions may take; the alignment needs some as well
_GPU_BATCH = 4
_FORMAT = 1  # of what the cache keeps

Stop = Callable[[], bool]


class SceneReconstructor:
    """Joins pictures of one scene, or of one object before any background, without knowing their poses.

    Args:
        config: settings.
        model: the network; None loads ``config.checkpoint``. It is moved to the device and set to evaluation.

    Attributes:
        config: the settings in use.
        network: with its device.
        licence: of the weights, for people; empty: the file says none.

    Raises:
        CheckpointError: the weights cannot be loaded, or none are named.
        ConfigError: there is no such device.
        DeviceMemoryError: the device has too little memory for the network.
    """

    def __init__(self, config: SceneSettings | None = None, model: Mast3r | None = None) -> None:
        self.config = config or SceneSettings()
        self.licence = ""
        device = torch_device(self.config.device)
        if model is None:
            if not self.config.checkpoint:
                raise CheckpointError(
                    "no weights for views without poses are named, and none ship with this package; expected "
                    "a weights file, as that of MASt3R (non-commercial; docs/views.md says where it is "
                    "described)",
                    remedy="checkpoint",
                )
            checkpoint = read_checkpoint(self.config.checkpoint)
            model = built_views(self.config.checkpoint, checkpoint)
            self.licence = LICENCE if checkpoint.official else checkpoint.metadata.get("licence", "")
        self.network = ViewNetwork(model, device, self.config.precision)
        self._weights = ""

    @classmethod
    def load(cls, checkpoint: str | PathLike[str], **settings: Any) -> Self:
        """Load weights.

        Args:
            checkpoint: a weights file; see `SceneSettings`.
            settings: fields of `SceneSettings` by name; the others keep their defaults.

        Raises:
            CheckpointError: the weights cannot be loaded.
            ConfigError: an unknown setting, a value out of its range, or no such device.
        """
        return cls(SceneSettings.from_mapping({"checkpoint": fspath(checkpoint), **settings}))

    def engine(self) -> Engine:
        """Tell what computes and what memory is in use now."""
        memory = memory_use(self.network.device)
        used, total = (size / 2**20 for size in (memory.used_bytes, memory.total_bytes))
        return Engine(
            weights=self.config.checkpoint or "given",
            device=str(self.network.device),
            precision=str(self.network.dtype).removeprefix("torch."),
            memory=f"{used:.0f} of {total:.0f} MiB ({memory.what})",
        )

    def reconstruct(
        self, views: Sequence[View], progress: Progress | None = None, stop: Stop | None = None
    ) -> Scene:
        """Join views to a scene. The same input gives the same scene.

        Args:
            views: two or more, of any sizes; with a mask each where only a part of the picture counts.
            progress: is told "encode", "pairs", "coarse" or "fine", the step, the number of steps, and the
                loss (NaN before there is one).
            stop: true: give back what has been found so far.

        Returns:
            The views on the network's grid.

        Raises:
            SceneError: no two views share enough, a name comes twice, a fixed pose is missing, the pairs are
                too many for this computer, or it was stopped before there was anything.
            ImageError: an image, mask or camera does not fit.
            DeviceMemoryError: the device has too little memory.
            FileFormatError: the cache cannot be written to.
        """
        check_views(views)
        placed = [view.on_grid(self.config.size).prepared(self.config) for view in views]
        placed, remarks = _without_copies(placed)
        if len(placed) < 2:
            raise SceneError(f"the {len(views)} views are all the same picture; expected some that differ")
        predicted = self._predicted(placed, progress or _quiet, stop or _never)
        scene = solve(placed, predicted, predicted.matches, self.config, progress, stop)
        return replace(scene, remarks=(*remarks, *scene.remarks))

    def _predicted(self, views: Sequence[View], progress: Progress, stop: Stop) -> _Predicted:
        config = self.config
        if not config.graph.startswith("retrieval"):
            pairs = pairs_of(config.graph, len(views))
            self._check_room(views, pairs)  # before any time is spent
        encoded = []
        for number, view in enumerate(views):
            progress("encode", number, len(views), math.nan)
            encoded.append(self.network.encode(view.image))
        if config.graph.startswith("retrieval"):
            pairs = pairs_of(config.graph, len(views), _similarity(encoded))
            self._check_room(views, pairs)
        cache = PairCache(Path(config.cache), config.cache_limit * 2**30) if config.cache else None
        keys = {pair: self._key(views, pair) for pair in pairs} if cache else {}
        predicted = _Predicted(self.network, views, encoded, config.match_step, cache, keys)
        batch = config.batch or (_GPU_BATCH if self.network.device.type == "cuda" else 1)
        predicted.fill(pairs, batch, progress, stop)
        return predicted

    def _check_room(self, views: Sequence[View], pairs: Sequence[Pair]) -> None:
        wanted = sum(entry_bytes(_sizes(views, pair)) for pair in pairs)
        limit, where = self.config.cache_limit * 2**30, "the cache"
        if not self.config.cache:
            limit, where = _SHARE * available_bytes(), "memory"
        if wanted <= limit:
            return
        ways = (
            [{"cache": "FOLDER"}] if not self.config.cache else [{"cache_limit": f"{wanted / 2**30 + 1:.0f}"}]
        )
        fewer = len(pairs_of("swin-3", len(views)))
        if fewer < len(pairs):
            ways.append({"graph": "swin-3"})
        raise SceneError(
            f"{len(views)} views make {counted(len(pairs), 'pair')}, which take {wanted / 2**30:.1f} GiB; "
            f"expected at most {limit / 2**30:.1f} GiB of {where} ({fewer} pairs of neighbours take "
            f"{wanted / len(pairs) * fewer / 2**30:.1f} GiB)",
            remedy=ways,
        )

    def _key(self, views: Sequence[View], pair: Pair) -> str:
        if not self._weights:
            state = self.network.model.state_dict()
            self._weights = pair_key(
                self.network.model.config,
                *(part for name in sorted(state) for part in (name, state[name].cpu().numpy())),
            )
        made_from = [
            _FORMAT,
            self._weights,
            self.network.device.type,
            self.network.dtype,
            self.config.match_step,
        ]
        return pair_key(*made_from, *(part for k in pair for part in (views[k].image, views[k].mask)))


class _Predicted(Mapping[Pair, PairPoints]):
    """Points of pairs, in memory or in the cache; matches in memory."""

    def __init__(
        self,
        network: ViewNetwork,
        views: Sequence[View],
        encoded: Sequence[Encoded],
        step: int,
        cache: PairCache | None,
        keys: Mapping[Pair, str],
    ) -> None:
        self.matches: dict[Pair, Matches] = {}
        self._network, self._views, self._encoded, self._step = network, views, encoded, step
        self._cache, self._keys, self._own = cache, keys, {*keys.values()}
        self._points: dict[Pair, PairPoints] = {}

    def fill(self, pairs: Sequence[Pair], batch: int, progress: Progress, stop: Stop) -> None:
        """Predict all pairs that the cache does not have."""
        missing = defaultdict(list)
        for pair in pairs:
            kept = self._kept(pair)
            if kept is not None:
                self.matches[pair] = kept.matches
            else:
                missing[_sizes(self._views, pair)].append(pair)
        self.matches = {pair: self.matches[pair] for pair in pairs if pair in self.matches}
        for same in missing.values():
            for start in range(0, len(same), batch):
                progress("pairs", len(self.matches), len(pairs), math.nan)
                if stop():
                    end = "the cache has these pairs" if self._cache else "nothing is kept"
                    raise SceneError(
                        f"stopped after {len(self.matches)} of {counted(len(pairs), 'pair')}: {end}"
                    )
                for pair, result in self._compute(same[start : start + batch]):
                    self.matches[pair] = result.matches
                    if self._cache is None:
                        self._points[pair] = result.points
        self.matches = {pair: self.matches[pair] for pair in pairs}  # in the order of the graph

    def __getitem__(self, pair: Pair) -> PairPoints:
        if self._cache is None:
            return self._points[pair]
        kept = self._kept(pair)
        if kept is None:  # it was damaged or removed in the meantime
            ((_, kept),) = self._compute([pair])
        return kept.points

    def __iter__(self) -> Iterator[Pair]:
        return iter(self.matches)

    def __len__(self) -> int:
        return len(self.matches)

    def _kept(self, pair: Pair) -> PairResult | None:
        if self._cache is None:
            return None
        return self._cache.read(self._keys[pair], _sizes(self._views, pair))

    def _compute(self, pairs: Sequence[Pair]) -> Iterator[tuple[Pair, PairResult]]:
        predictions = self._network.decode([(self._encoded[i], self._encoded[j]) for i, j in pairs])
        for pair, prediction in zip(pairs, predictions, strict=True):
            masks = [self._views[k].mask for k in pair]
            found = match_views(decodings(prediction), self._step, masks[0], masks[1])
            result = PairResult(_points_of(prediction), found)
            if self._cache is not None:
                self._cache.make_room(entry_bytes(_sizes(self._views, pair)), self._own)
                self._cache.write(self._keys[pair], result)
            yield pair, result


def _sizes(views: Sequence[View], pair: Pair) -> tuple[tuple[int, int], tuple[int, int]]:
    first, second = (views[k].image.shape[:2] for k in pair)
    return first, second


def _points_of(prediction: PairPrediction) -> PairPoints:
    view11, view21, view22, view12 = (
        PointMap(view.points[0].float().cpu().numpy(), view.confidence[0].float().cpu().numpy())
        for view in prediction
    )
    return PairPoints(view11, view22, first_in_second=view12, second_in_first=view21)


def _similarity(encoded: Sequence[Encoded]) -> npt.NDArray[np.float32]:
    """How alike views are to the encoder, by the means of their tokens; views x views."""
    means = np.stack([view.tokens[0].float().mean(0).cpu().numpy() for view in encoded])
    means -= means.mean(axis=0)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    return np.asarray(means @ means.T)


def _without_copies(views: Sequence[View]) -> tuple[list[View], list[Remark]]:
    """Leave out pictures that are there already: two cameras in one place tell nothing."""
    known: dict[str, str] = {}
    kept: list[View] = []
    remarks: list[Remark] = []
    for view in views:
        same = known.setdefault(pair_key(view.image), view.name)
        if same == view.name:
            kept.append(view)
        else:
            remarks.append(SamePicture(view.name, same))
    return kept, remarks


def _quiet(*_: object) -> None:
    pass


def _never() -> bool:
    return False
