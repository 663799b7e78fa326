"""One WebSocket of Starbelly's protocol: its requests, and what is answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Final, TypeAlias
from uuid import UUID

from google.protobuf.message import DecodeError
from graphql import GraphQLError
from starlette.types import Scope

from graphql_api.errors import BadCursorError, BadInputError, OverBudgetError, UnauthenticatedError
from graphql_api.execution.encoder import Encoder, exposed
from graphql_api.execution.responder import Framing
from graphql_api.feeds.subscription import EventSource
from graphql_api.limits.token_bucket import rate_limit_text
from graphql_api.protocols.close import Close
from graphql_api.protocols.connection_responder import ConnectionResponder
from graphql_api.protocols.graphql_transport_ws import CloseCode
from graphql_api.protocols.socket_connection import AcceptedSocket, SocketConnection
from graphql_api.protocols.starbelly import messages
from graphql_api.protocols.starbelly import starbelly_pb2 as pb
from graphql_api.protocols.starbelly.job_sync import SyncEncoder
from graphql_api.protocols.starbelly.listing import ListEncoder, Listing
from graphql_api.protocols.whole_bodies import BodiesInTurn, SocketBodies, WholeBodies
from graphql_api.schema import Context
from graphql_api.schema.pace import in_steps
from graphql_api.schema.scopes import require
from graphql_api.server.receiver import LongText, Message
from graphql_api.tables.domain_login import DOMAIN_LOGINS
from graphql_api.tables.job import JOBS
from graphql_api.tables.policy import POLICIES
from graphql_api.tables.response import RESPONSES
from graphql_api.tables.schedule import SCHEDULES

PATH: Final = "/starbelly"
SUBPROTOCOL: Final = "starbelly"
_BEARER: Final = "bearer."  # a token among the subprotocols: browsers can set no header
_UNSUPPORTED_DATA, _INVALID_DATA = 1003, 1007
_MAX_INTERVAL_S: Final = 86_400.0
_OFFERED: Final = "this server offers {}; everything else is at /graphql".format(
    ", ".join(field.name for field in pb.Request.DESCRIPTOR.oneofs_by_name["Command"].fields)
)

_Stream: TypeAlias = tuple[EventSource[Any], Encoder, messages.Frame]


class Streams:
    """The streams that one server offers; `bodies` reads the bodies of responses."""

    def __init__(self, bodies: WholeBodies) -> None:
        self.bodies = bodies
        self.lists = {
            "subscribe_policy_list": ListEncoder(POLICIES, messages.policy),
            "subscribe_schedule_list": ListEncoder(SCHEDULES, messages.schedule),
            "subscribe_domain_login_list": ListEncoder(DOMAIN_LOGINS, messages.domain_login),
            "subscribe_job_status": ListEncoder(JOBS, messages.job, messages.in_lists),
        }


class StarbellyConnection(SocketConnection):
    """One WebSocket connection: a socket, and what is offered on it."""

    __slots__ = ("_bodies", "_ids", "_rate", "_scope", "_streams", "_subscriptions")

    def __init__(self, accepted: AcceptedSocket, streams: Streams) -> None:
        super().__init__(accepted)
        self._scope: Scope = accepted.scope  # until the client is known
        self._streams = streams
        self._bodies = SocketBodies(streams.bodies, self.sink, self._create_task, self.budget)
        self._rate = accepted.limits.rate(accepted.backend.clock)
        self._ids = count(1)
        self._subscriptions: dict[int, Callable[[], object]] = {}

    @property
    def operations(self) -> int:
        """How many subscriptions there are."""
        return len(self._subscriptions)

    def begin(self) -> None:
        """Admit the client by its handshake."""
        scope, self._scope = self._scope, {}
        self.sink.write_binary()
        offers: Sequence[str] = scope.get("subprotocols", ())
        tokens = [each.removeprefix(_BEARER) for each in offers if each.startswith(_BEARER)]
        payload = {"authorization": f"Bearer {tokens[0]}"} if tokens else None
        try:
            self._admit(self._backend.authenticator.principal(scope, payload))
        except UnauthenticatedError as error:
            self._forbid(str(error))

    def _forbid(self, why: str) -> None:
        self.close(CloseCode.FORBIDDEN, f"Forbidden: {why}")

    def _free(self) -> None:
        while self._subscriptions:
            self._subscriptions.popitem()[1]()

    async def _handle(self, message: Message) -> Close | None:
        if isinstance(message, str):
            return Close(_UNSUPPORTED_DATA, "Starbelly's protocol has no text messages")
        assert not isinstance(message, LongText), "they are not accepted"
        with self.budget.measured():
            try:
                self._answer(pb.Request.FromString(message))
            except DecodeError:
                return Close(_INVALID_DATA, "This is no Request of Starbelly's protocol")
        return None

    def _answer(self, request: pb.Request) -> None:
        response = pb.Response(request_id=request.request_id, is_success=True)
        try:
            self._obey(request, response)
        except Exception as error:  # noqa: BLE001 - it is logged there, if it is not the client's
            response.is_success = False
            response.error_message = exposed(error).errors[0].message
        self._send(pb.ServerMessage(response=response))

    def _obey(self, request: pb.Request, response: pb.Response) -> None:
        command = request.WhichOneof("Command")
        if command is None:
            raise BadInputError(_OFFERED)
        if not request.IsInitialized():
            missing = "request_id" if not request.HasField("request_id") else command
            raise BadInputError(f"{missing} is incomplete: a required field is missing")
        asked = getattr(request, command)
        if isinstance(asked, pb.RequestUnsubscribe):
            stop = self._subscriptions.pop(asked.subscription_id, None)
            if stop is None:
                raise BadInputError(f"there is no subscription {asked.subscription_id} here")
            stop()
            return
        if not self._rate.take():
            raise OverBudgetError(rate_limit_text(self._limits.max_operations_per_s))
        limit = self._limits.max_subscriptions
        if len(self._subscriptions) >= limit:
            raise BadInputError(f"this socket has {limit} subscriptions, and may not have more")
        assert self._session is not None, "the client has been admitted"
        context = self._backend.make_context(self._session.principal)
        open_ = self._job_sync if command == "subscribe_job_sync" else self._list
        source, encoder, frame = open_(command, asked, context)
        id_ = response.new_subscription.subscription_id = next(self._ids)
        responder = ConnectionResponder(self, id_, frame(id_))
        member = self._backend.runner.share(encoder, source, responder)
        self._subscriptions[id_] = member.leave

    def _list(self, command: str, asked: Any, context: Context) -> _Stream:
        listed = self._streams.lists[command]
        require(listed.table.needed_to_read, command, context.scopes)
        interval_s = asked.min_interval if isinstance(asked, pb.RequestSubscribeJobStatus) else 0.0
        if not 0 <= interval_s <= _MAX_INTERVAL_S:
            raise BadInputError(f"min_interval must be from 0 to {_MAX_INTERVAL_S:.0f} seconds")
        rows = context.feeds[listed.table].subscribe(every_s=in_steps(interval_s * 1000))
        return Listing(listed, rows), listed, listed.frame

    def _job_sync(self, command: str, asked: Any, context: Context) -> _Stream:
        require(RESPONSES.needed_to_read, command, context.scopes)
        if len(asked.job_id) != 16:
            raise BadInputError("job_id must be the 16 bytes of a UUID")
        if not asked.sync_token.isascii():
            raise BadCursorError("the sync_token is not one that this server gave out")
        job_id, kinds = str(UUID(bytes=asked.job_id)), RESPONSES.kinds(None)
        since = asked.sync_token.decode() if asked.HasField("sync_token") else None
        rows = context.logs.subscribe(
            RESPONSES, job_id, kinds=kinds, since=since, words="job", client=self.budget.address
        )
        is_ok, bodies = asked.compression_ok, self._streams.bodies
        encoder = SyncEncoder(job_id, bodies, compression_ok=is_ok)
        return BodiesInTurn(rows, self._bodies, compression_ok=is_ok), encoder, messages.one_by_one

    def next(self, operation: int, framing: Framing, payload: bytes) -> None:
        """Send one event; but all are shared."""
        raise NotImplementedError

    def fail(self, operation: int, errors: Sequence[GraphQLError]) -> None:
        """End a subscription, unless it is over, and send the client the reason."""
        self._end_of(operation, pb.SubscriptionClosed(reason="ERROR", message=errors[0].message))

    def complete(self, operation: int) -> None:
        """End a subscription, unless it is over: there is nothing more."""
        self._end_of(operation, pb.SubscriptionClosed(reason="COMPLETE"))

    def _end_of(self, id_: int, end: pb.SubscriptionClosed) -> None:
        if self._subscriptions.pop(id_, None) is not None:
            event = pb.Event(subscription_id=id_, subscription_closed=end)
            self._send(pb.ServerMessage(event=event))

    def _send(self, message: pb.ServerMessage) -> None:
        self.write(message.SerializeToString())
