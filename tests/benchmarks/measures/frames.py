"""What the frames of a change cost by themselves, without a socket: plain, and compressed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from graphql_api.execution.compressed_payload import LARGE_WINDOW_BITS, Payload
from graphql_api.server.frames import TEXT, message_frame
from graphql_api.server.permessage_deflate import compressed_frame
from tests.benchmarks.documents import policy
from tests.benchmarks.measures.compression import ONCE, PER_SOCKET, PLAIN, Added
from tests.benchmarks.peers.per_socket_deflate import deflated_frames, new_deflate
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting

_CHANGES_PER_S = 10
_PREFIX, _SUFFIX = b'{"id":"1","type":"next","payload":', b"}"

_Make: TypeAlias = Callable[[int, bytes], Sequence[bytes]]
"""Makes the parts of a frame for a socket."""


def measure(setting: Setting) -> Result:
    """The processor time of each message, in microseconds."""
    sockets = setting.sizes.subscribers
    title = f"frames of whole policies with `previous` for {sockets} sockets"
    result = Result("frames", title, "µs of the processor for each message")
    changes = max(1, int(setting.sizes.seconds * _CHANGES_PER_S))
    added = Added()
    for _ in range(setting.sizes.repeat):
        each_us: dict[str, float] = {}
        for label, make in _ways(sockets).items():
            payloads = [_payload(write) for write in range(changes)]
            each_us[label] = _each_us(make, payloads, sockets)
            result.add(label, each_us[label])
        added.note(each_us)
    result.bars.append(added.bar())
    return result


def _ways(sockets: int) -> dict[str, _Make]:
    compressors = [new_deflate() for _ in range(sockets)]
    return {
        PLAIN: lambda _, payload: message_frame(TEXT, _PREFIX, payload, _SUFFIX),
        ONCE: lambda _, payload: compressed_frame(
            TEXT, _PREFIX, payload, _SUFFIX, LARGE_WINDOW_BITS
        ),
        PER_SOCKET: lambda at, payload: deflated_frames(
            compressors[at], TEXT, _PREFIX, (payload,), _SUFFIX
        ),
    }


def _each_us(make: _Make, payloads: Sequence[bytes], sockets: int) -> float:
    began_s = time.process_time()
    for payload in payloads:
        for socket in range(sockets):
            b"".join(make(socket, payload))
    return (time.process_time() - began_s) * 1e6 / (len(payloads) * sockets)


def _payload(write: int) -> Payload:
    """About what a subscription to everything is sent for a write."""
    before, after = (_row(number) for number in (write, write + 1))
    update = {"__typename": "PolicyUpdated", "changedFields": ["name", "updatedAt"]}
    update |= {"cursor": f"{write:042}", "policy": after, "previous": before}
    return Payload(json.dumps({"data": {"policyChanges": update}}, separators=(",", ":")).encode())


def _row(write: int) -> Any:
    return json.loads(json.dumps(policy(0, write), default=str))
