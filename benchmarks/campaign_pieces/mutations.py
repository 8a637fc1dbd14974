# SPDX-License-Identifier: Apache-2.0
"""Ways to damage a file: blindly, in its lengths, and where its format has names and values."""

from __future__ import annotations

import json
import random
import re
import sqlite3
import struct
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_NUMBERS = (0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**40, 2**63 - 1, 2**64 - 1)
_VALUES = (
    *(
        "null",
        "true",
        "-1",
        "0",
        "1e9",
        "1e400",
        ".nan",
        "-.inf",
        "9" * 30,
        "9" * 5000,
        "2024-99-99",
        "[]",
        "{}",
    ),
    *(
        "[" * 200,
        "{a: " * 200,
        "*x",
        "&x [*x, *x]",
        "'",
        '"',
        "!!python/object:os.system []",
        "\x1b[31m",
        "\u202e",
    ),
    *(
        "1_000_000",
        "0x" + "f" * 300,
        "1:59:59:59",
        "!!binary ///",
        "hf-hub:nobody/nothing",
        "? [a]\n: b",
        "<<: 3",
    ),
)
_JSON = (
    None,
    True,
    -1,
    0,
    10**9,
    10**30,
    0.5,
    "text",
    "hf-hub:x/y",
    "local-dir:/etc",
    [],
    [10**9] * 3,
    {},
    {"a": 1},
)
_DEFINITIONS = (
    "a/A a\n{line}\nMSG: a/A\na/A a\n",
    "string[100000000] x\n",
    "uint8[4000000000] x\n",
    "a/B[5000] b\n{line}\nMSG: a/B\na/C[5000] c\n{line}\nMSG: a/C\nstring[5000] s\n",
    "uint8 x = 300\n\x1b[2J",
    "uint8[] " + "x" * 100_000 + "\n",
    "uint8 x\n" * 20_000,
)


def mutate(data: bytes, rng: random.Random, suffix: str) -> tuple[str, bytes]:
    """Return how a file was damaged, and its new bytes."""
    ways = [*_BLIND, *_OF_SUFFIX.get(suffix, ())]
    # Half of the files are damaged where their format has names and values, if that is known.
    way = rng.choice(_OF_SUFFIX[suffix]) if suffix in _OF_SUFFIX and rng.random() < 0.5 else rng.choice(ways)
    return way.__name__.strip("_"), way(data, rng)


def _bits(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 4, 32))):
        changed[_place(len(data), rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.choice((rng.randrange(len(data)), rng.randrange(min(len(data), 64)), len(data) - 1))]


def _length(data: bytes, rng: random.Random) -> bytes:
    number, size = rng.choice(_NUMBERS), rng.choice((2, 4, 4, 8))
    at = _place(max(len(data) - size, 1), rng)
    word = (number & (1 << 8 * size) - 1).to_bytes(size, rng.choice(("little", "big")))
    return data[:at] + word + data[at + size :]


def _splice(data: bytes, rng: random.Random) -> bytes:
    a, b, at = (rng.randrange(len(data)) for _ in range(3))
    piece = data[min(a, b) : max(a, b)][: 1 << 16]
    return data[:at] + piece + data[rng.choice((at, min(at + len(piece), len(data)))) :]


def _blank(data: bytes, rng: random.Random) -> bytes:
    at, size = rng.randrange(len(data)), rng.choice((8, 64, 512, 4096))
    return data[:at] + bytes([rng.choice((0, 255))]) * min(size, len(data) - at) + data[at + size :]


def _value(data: bytes, rng: random.Random) -> bytes:
    """Replace a word or a number of a text."""
    words = list(re.finditer(rb"[\w.+-]+", data))
    if not words:
        return data
    word = rng.choice(words)
    return data[: word.start()] + rng.choice(_VALUES).encode() + data[word.end() :]


def _line(data: bytes, rng: random.Random) -> bytes:
    """Repeat, drop or exchange lines of a text."""
    lines = data.splitlines(keepends=True) or [b""]
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a] = rng.choice((b"", lines[b], lines[a] * 2, lines[a] + lines[b].strip(), lines[a] * 3000))
    return b"".join(lines)


def _header(data: bytes, rng: random.Random) -> bytes:
    """Change a value in the header of safetensors, or in the configuration inside it."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    about = header["__metadata__"]
    if rng.random() < 0.7:
        config = json.loads(about.get("config", "{}"))
        for _ in range(rng.choice((1, 1, 3))):
            if config:
                config[rng.choice([*config, "unknown"])] = rng.choice(_JSON)
        about["config"] = rng.choice(
            (json.dumps(config), json.dumps(config), json.dumps(rng.choice(_JSON)), "[" * 9000)
        )
        if rng.random() < 0.2:
            about[rng.choice(list(about))] = rng.choice(("", "\x1b[31mred", "9" * 6000, "{", "null"))
    else:
        entry = header[rng.choice([name for name in header if name != "__metadata__"])]
        field = rng.choice(("dtype", "shape", "data_offsets"))
        entry[field] = rng.choice(("F64", "BOOL", [10**9, 10**9], [0, 10**12], [-1], [[]], None, [0, 0]))
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + size :]


def _definition(data: bytes, rng: random.Random) -> bytes:
    """Put another message definition in the place of one, with its length."""
    found = [match.start() for match in re.finditer(rb"ros2msg", data)]
    if not found:
        return _length(data, rng)
    at = rng.choice(found) + len(b"ros2msg")
    (size,) = struct.unpack_from("<I", data, at)
    if at + 4 + size > len(data):
        return _length(data, rng)
    text = rng.choice(_DEFINITIONS).format(line="=" * 80).encode()
    # Not longer: the record around it keeps its length.
    text = text[:size].ljust(size, b"\n")
    return data[: at + 4] + text + data[at + 4 + size :]


_STATEMENTS = (
    "UPDATE messages SET timestamp = 'noon' WHERE id % 2",
    "UPDATE messages SET data = 5 WHERE id % 3 = 0",
    "UPDATE messages SET data = NULL",
    "UPDATE messages SET topic_id = 99999999999",
    "UPDATE messages SET data = zeroblob(300000000) WHERE id = 1",
    "UPDATE messages SET timestamp = -9223372036854775808",
    "UPDATE topics SET name = x'ff00'",
    "UPDATE topics SET name = NULL",
    "UPDATE topics SET name = name || char(27) || '[31m'",
    "UPDATE topics SET type = 7",
    "UPDATE topics SET type = 'a/msg/A'",
    "UPDATE topics SET serialization_format = x''",
    "UPDATE topics SET offered_qos_profiles = '&a [*a, *a]'",
    "UPDATE topics SET id = id + 0.5",
    "DELETE FROM topics",
    "DROP TABLE messages",
    "ALTER TABLE messages RENAME TO m; CREATE VIEW messages AS SELECT * FROM m",
    "DROP TABLE messages; CREATE VIEW messages AS WITH RECURSIVE n(id) AS"
    " (SELECT 1 UNION ALL SELECT id + 1 FROM n)"
    " SELECT id, 1 AS topic_id, id AS timestamp, zeroblob(1000000) AS data FROM n",
    "ALTER TABLE messages ADD COLUMN big BLOB GENERATED ALWAYS AS (zeroblob(900000000))",
    "CREATE TRIGGER t AFTER UPDATE ON messages BEGIN DELETE FROM messages; END; UPDATE messages SET id = id",
    "DROP TABLE messages; CREATE TABLE messages(id, topic_id, timestamp, data)",
    "DROP INDEX timestamp_idx",
    "UPDATE message_definitions SET encoded_message_definition = 'string[100000000] x'",
    "UPDATE message_definitions SET encoded_message_definition = x'ff', encoding = 3",
    "UPDATE schema SET ros_distro = 7",
)


def _statement(data: bytes, rng: random.Random) -> bytes:
    """Change a database by its own means."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "changed.db3"
        path.write_bytes(data)
        database = sqlite3.connect(path)
        with suppress(sqlite3.Error):
            database.executescript(rng.choice(_STATEMENTS))
        database.commit()
        database.close()
        return path.read_bytes()


def _place(size: int, rng: random.Random) -> int:
    """Any place, but mostly one near the beginning or the end, where headers and indexes are."""
    near = min(size, rng.choice((64, 512, 4096)))
    return rng.choice((rng.randrange(size), rng.randrange(near), size - 1 - rng.randrange(near)))


_Way = Callable[[bytes, random.Random], bytes]
_BLIND: tuple[_Way, ...] = (_bits, _cut, _length, _length, _splice, _blank)
_TEXT: tuple[_Way, ...] = (_value, _value, _line)
_OF_SUFFIX: dict[str, tuple[_Way, ...]] = {
    **dict.fromkeys((".yaml", ".yml", ".xml", ".json", ".conf", ".txt", ".jsonl", ".pfm"), _TEXT),
    ".safetensors": (_header,),
    ".mcap": (_definition, _length),
    ".db3": (_statement, _length),
}
