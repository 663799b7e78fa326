"""Sends what a recording's client sent, to another server, and notes what that one says."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from typing import Any

from tests.patience import LONGEST_S
from tests.transcripts.conversation import Recording, Row
from tests.transcripts.wire_client import WireClient, scram_proof

_CONTINUE = 2
_SUCCESS_SEQUENCE, _SUCCESS_PARTIAL = 2, 3


class Replay:
    """One replay.

    A batch may hold more or fewer rows than it did when it was recorded. So a recorded CONTINUE is
    left out while the stream is ahead of the recording, or has ended already; and further ones are
    sent while it lags behind.
    """

    def __init__(self, recording: Recording, port: int, passwords: dict[str, str]) -> None:
        self._rows = recording.rows
        self._port = port
        self._passwords = passwords
        self._clients: dict[int, WireClient] = {}
        self._hellos: dict[int, dict[str, Any]] = {}
        self._server_firsts: dict[int, dict[str, Any]] = {}
        self._inboxes: dict[tuple[int, int], list[Row]] = {}
        self._expected_rows: Counter[tuple[int, int]] = Counter()
        self._received_rows: Counter[tuple[int, int]] = Counter()
        self._outstanding: Counter[tuple[int, int]] = Counter()
        self._ended: set[tuple[int, int]] = set()
        self._recorded_end: set[tuple[int, int]] = set()
        self.observed: list[Row] = []

    async def run(self) -> list[Row]:
        """Replay everything, and return the rows as this server has them."""
        try:
            for row in self._rows:
                await self._step(row)
        finally:
            for client in self._clients.values():
                await client.close()
        return self.observed

    async def _step(self, row: Row) -> None:
        conn, sent = row["conn"], row["dir"] == ">"
        if "handshake" in row:
            await (self._send_handshake if sent else self._expect_handshake)(conn, row)
        elif "closed" in row:
            await self._close(conn, sent=sent)
        elif sent:
            self._send(conn, row)
        else:
            await self._expect(conn, row)

    # --- handshake ---

    async def _send_handshake(self, conn: int, row: Row) -> None:
        self.observed.append(row)
        if conn not in self._clients:
            self._clients[conn] = await WireClient.open(self._port)
            self._clients[conn].writer.write(base64.b64decode(row["handshake"]))
            return
        message = json.loads(row["handshake"])
        if conn in self._server_firsts:
            user = self._hellos[conn]["authentication"].split(",")[2].removeprefix("n=")
            # The recording's proof fits the recording's nonce only.
            password = self._passwords.get(user, "")
            message = scram_proof(self._hellos[conn], self._server_firsts[conn], password)
            if "wrong" in self._passwords and conn == int(self._passwords["wrong"]):
                message = scram_proof(self._hellos[conn], self._server_firsts[conn], "not it")
        else:
            self._hellos[conn] = message
        self._clients[conn].send_message(message)

    async def _expect_handshake(self, conn: int, row: Row) -> None:
        message = await self._clients[conn].read_message()
        if str(message.get("authentication", "")).startswith("r="):
            self._server_firsts[conn] = message
        self.observed.append({**row, "handshake": json.dumps(message)})

    async def _close(self, conn: int, *, sent: bool) -> None:
        client = self._clients[conn]
        if sent:
            client.writer.write_eof()
        else:
            await self._read_to_end(conn, client)
        self.observed.append({"conn": conn, "dir": ">" if sent else "<", "closed": True})

    async def _read_to_end(self, conn: int, client: WireClient) -> None:
        """Note what the server still says before it hangs up."""
        for (at, token), inbox in self._inboxes.items():
            if at == conn:
                for body in inbox:
                    self.observed.append({"conn": conn, "dir": "<", "token": token, "body": body})
        while True:
            try:
                token, body = await client.read()
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            self.observed.append({"conn": conn, "dir": "<", "token": token, "body": body})

    # --- queries ---

    def _send(self, conn: int, row: Row) -> None:
        key = conn, row["token"]
        if row["body"] == [_CONTINUE] and key not in self._recorded_end:
            ahead = self._received_rows[key] > self._expected_rows[key]
            if ahead or key in self._ended or self._outstanding[key]:
                return
        if row["body"][0] == 1:
            self._ended.discard(key)
        if not row["body"][2:] or not row["body"][2].get("noreply"):
            self._outstanding[key] += 1
        self.observed.append(row)
        self._clients[conn].send(row["token"], row["body"])

    async def _expect(self, conn: int, row: Row) -> None:
        key, body = (conn, row["token"]), row["body"]
        if body["t"] not in (_SUCCESS_SEQUENCE, _SUCCESS_PARTIAL):
            await self._receive(key)
            return
        self._expected_rows[key] += len(body["r"])
        if body["t"] == _SUCCESS_SEQUENCE:
            first = key not in self._recorded_end
            self._recorded_end.add(key)
            if first and key in self._ended:
                return  # this server said so in an earlier batch
            self._continue(key)
            while await self._receive(key) == _SUCCESS_PARTIAL:
                self._continue(key)
        elif not body["r"]:
            await self._receive(key)
        else:
            while self._received_rows[key] < self._expected_rows[key]:
                self._continue(key)
                await self._receive(key)

    def _continue(self, key: tuple[int, int]) -> None:
        if not self._outstanding[key]:
            self._outstanding[key] += 1
            self.observed.append({"conn": key[0], "dir": ">", "token": key[1], "body": [_CONTINUE]})
            self._clients[key[0]].send(key[1], [_CONTINUE])

    async def _receive(self, key: tuple[int, int]) -> int:
        """Take the next reply to a token, and return its type."""
        conn, token = key
        inbox = self._inboxes.setdefault(key, [])
        while not inbox:
            try:
                found, body = await self._clients[conn].read()
            except TimeoutError:
                raise AssertionError(f"conn {conn} token {token}: no reply") from None
            self._inboxes.setdefault((conn, found), []).append(body)
        body = inbox.pop(0)
        self.observed.append({"conn": conn, "dir": "<", "token": token, "body": body})
        self._outstanding[key] -= 1
        if body["t"] == _SUCCESS_SEQUENCE:
            self._ended.add(key)
        if body["t"] in (_SUCCESS_SEQUENCE, _SUCCESS_PARTIAL):
            self._received_rows[key] += len(body["r"])
        return int(body["t"])


async def replay(recording: Recording, port: int, passwords: dict[str, str]) -> list[Row]:
    """Replay a recording; see `Replay`."""
    async with asyncio.timeout(LONGEST_S):
        return await Replay(recording, port, passwords).run()
