# SPDX-License-Identifier: Apache-2.0
"""Reading GLB files as the standard describes them (glTF 2.0, sections 3.6 and 4.4)."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

TYPES = {5126: "<f4", 5121: "u1"}


def read_glb(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return the document and its accessors' values; checks what the standard demands of them."""
    content = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", content)
    assert (magic, version, length) == (b"glTF", 2, len(content))
    size, kind = struct.unpack_from("<I4s", content, 12)
    assert kind == b"JSON"
    assert size % 4 == 0
    document = json.loads(content[20 : 20 + size])
    binary, kind = struct.unpack_from("<I4s", content, 20 + size)
    assert kind == b"BIN\0"
    assert binary % 4 == 0
    body = content[28 + size :]
    assert len(body) == binary == document["buffers"][0]["byteLength"]
    arrays = []
    for accessor in document["accessors"]:
        view = document["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        part = body[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        columns = int(accessor["type"][-1])
        values = np.frombuffer(part, TYPES[accessor["componentType"]]).reshape(-1, columns)
        assert len(values) == accessor["count"]
        if "min" in accessor:
            np.testing.assert_allclose(values.min(axis=0), accessor["min"], rtol=1e-6)
            np.testing.assert_allclose(values.max(axis=0), accessor["max"], rtol=1e-6)
        arrays.append(values)
    for mesh in document["meshes"]:
        for primitive in mesh["primitives"]:
            counts = {document["accessors"][a]["count"] for a in primitive["attributes"].values()}
            assert len(counts) == 1
            assert "min" in document["accessors"][primitive["attributes"]["POSITION"]]
    assert all(0 <= node.get("mesh", 0) < len(document["meshes"]) for node in document["nodes"])
    return document, arrays
