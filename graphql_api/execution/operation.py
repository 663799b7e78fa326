"""Execution of one subscription by Strawberry and graphql-core, up to its source of events.

This is Strawberry's `Schema.subscribe`, taken apart. Its extensions, the coercion of variables and
the resolver run once for each subscriber, as they do there; but the source of events comes out as
the resolver made it, so that one execution of an event can serve many equal subscribers.

Sources: `_stream` in strawberry/schema/schema.py of 0.341; `subscribe` in
graphql/execution/execute.py of graphql-core 3.3, which suggests to compose the pipeline.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterable, Awaitable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, cast

from graphql import (
    ExecutionResult,
    Executor,
    GraphQLError,
    MiddlewareManager,
    create_source_event_stream,
    execute_subscription_event,
)
from graphql.pyutils import AwaitableOrValue
from strawberry.extensions import SchemaExtension
from strawberry.extensions.base_extension import HOOK_METHODS
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

from graphql_api.documents.documents import ParsedDocument
from graphql_api.documents.request import Request
from graphql_api.documents.validation import validate
from graphql_api.execution import result_json
from graphql_api.execution.encoder import Encoded, GroupKey, RequestError
from graphql_api.execution.event_executor import EventExecutor
from graphql_api.execution.later_variables import LaterVariables
from graphql_api.execution.read_feeds import ReadFeeds
from graphql_api.feeds.view import Event
from graphql_api.limits.traffic import Traffic
from graphql_api.schema import APISchema, Context
from graphql_api.schema.errors import internal_error
from graphql_api.turns import Turns


class SubscriptionExecution:
    """Executes one subscription: `subscribe` once, then `execute` for each event.

    Both belong into `operation()`, which is what extensions know as the operation.

    Args:
        schema: What to execute on.
        request: What is asked for.
        document: Its document, parsed.
        context: What its resolvers are given.
    """

    def __init__(
        self, schema: APISchema, request: Request, document: ParsedDocument, context: Context
    ) -> None:
        extensions = schema.get_extensions()
        self._schema = schema
        self._state = ExecutionContext(
            query=document.text,
            schema=schema,
            allowed_operations=(OperationType.SUBSCRIPTION,),
            context=context,
            variables=request.variables,
            provided_operation_name=request.operation_name,
            operation_extensions=request.extensions,
        )
        for extension in extensions:
            extension.execution_context = self._state
        self._runner = schema.create_extensions_runner(self._state, extensions)
        self._adds_results = any(_overrides(extension, "get_results") for extension in extensions)
        resolving = [extension for extension in extensions if _overrides(extension, "resolve")]
        self._middleware = MiddlewareManager(*resolving) if resolving else None
        self.executor: Executor[Any]
        """What `subscribe` has made of the request."""
        self.request = request
        self.document = document
        self.context = context
        self.has_hooks = any(_overrides(extension, "on_operation") for extension in extensions)
        """Whether it matters when `operation()` is left."""
        self.is_composable = all(map(_is_composable, extensions))
        """Whether all extensions can be run here. If not, `Schema.subscribe` has to do it."""

    def operation(self) -> AbstractContextManager[None]:
        """The time from before the subscription until after its last event."""
        return self._runner.operation()

    async def subscribe(self) -> AsyncIterable[object]:
        """Check the request, and have the resolver make the source of events.

        Raises:
            RequestError: The request is wrong, or the resolver failed.
        """
        self._state.graphql_document = self.document.node
        with self._runner.parsing():
            pass  # it is done; but an extension may want to look
        with self._runner.validation():
            self._validate()
        if self._state.pre_execution_errors:
            raise self._failed(self._state.pre_execution_errors)
        with self._runner.executing():
            if self._state.result is not None:  # an extension has refused it
                raise self._failed(self._state.result.errors or [])
            self.executor = executor = await self._executor()
            source = create_source_event_stream(executor)
            if not isinstance(source, AsyncIterable | ExecutionResult):
                source = await source
        if isinstance(source, ExecutionResult):
            raise self._failed(source.errors or [])
        return source

    async def _executor(self) -> Executor[Any]:
        """The executor, with its variables.

        Raises:
            RequestError: They are wrong.
        """
        state, schema = self._state, self._schema._schema  # noqa: SLF001 - there is no other way to it
        later = LaterVariables.of(schema, self.document.node, state.operation_name, state.variables)
        executor = _executor_class(self._schema).build(
            schema,
            self.document.node if later is None else later.document,
            state.root_value,
            self.context,
            state.variables if later is None else None,
            state.operation_name,
            middleware=self._middleware,
            operation_extensions=state.operation_extensions,
        )
        if isinstance(executor, list):
            raise self._failed(executor)
        errors = [] if later is None else await later.read(executor)
        if errors:
            raise self._failed(errors)
        plans = self.document.plans
        if later is None and plans is not None and isinstance(executor, EventExecutor):
            executor.share_plans(plans)
        return executor

    def execute(
        self, event: object, context: Context | None = None
    ) -> AwaitableOrValue[ExecutionResult]:
        """Resolve the operation's fields on one event; the calls do not affect each other.

        Args:
            event: What the source gave.
            context: What resolvers are given for this event; the subscription's, if absent.
        """
        executor = self.executor.build_per_event_executor(event)
        if context is not None:
            executor.context_value = context
        return execute_subscription_event(executor)

    def encode(self, result: ExecutionResult) -> bytes:
        """The payload of the `next` message for a result."""
        if result.errors:
            self._expose(result.errors)
        added = self._runner.get_extensions_results_sync() if self._adds_results else None
        return result_json.execution_result(result.data, result.errors, added)

    def failed(self, error: Exception) -> RequestError:
        """The error for the client when the source of events has failed."""
        return self._failed([GraphQLError(str(error), original_error=error)])

    def _validate(self) -> None:
        if self._state.pre_execution_errors is not None:
            return  # an extension has done it
        rules = self._state.validation_rules
        if rules != self.document.checked_by:
            schema = self._schema._schema  # noqa: SLF001 - as above
            self.document.errors = validate(schema, self.document.node, rules)
            self.document.checked_by = rules
        self._state.pre_execution_errors = [*self.document.errors]

    def _failed(self, errors: list[GraphQLError]) -> RequestError:
        self._expose(errors)
        return RequestError(errors)

    def _expose(self, errors: list[GraphQLError]) -> None:
        self._schema._process_errors(errors, self._state)  # noqa: SLF001 - as Strawberry does


class GraphQLEncoder:
    """Makes the payloads of one subscription, and of all that are equal to it.

    An event whose execution fails is sent as an error; the subscription goes on.

    Args:
        execution: The subscription.
        traffic: Where to count how long it takes.
    """

    def __init__(self, execution: SubscriptionExecution, traffic: Traffic) -> None:
        self._execution = execution
        self._traffic = traffic
        self._context: Context | None = None
        """A context that no execution uses; the next one need not make its own."""

    @property
    def key(self) -> GroupKey:
        """The key that two subscriptions share only if their results are the same.

        Values are compared by the text that JSON has for them: 1, 1.0 and true are three, and a
        null is not the same as nothing. Where the events begin, and when they are sent, makes no
        difference to what they bring.
        """
        execution = self._execution
        request, document = execution.request, execution.document
        variables = {
            name: value
            for name, value in (request.variables or {}).items()
            if name not in document.delivery_variables
        }
        return (
            document.text,
            request.operation_name,
            result_json.to_json(variables, sort_keys=True),
            result_json.to_json(request.extensions or {}, sort_keys=True),
            execution.context.scopes,
            execution.context.links.identity if document.has_links else None,
        )

    def encode(self, event: Event[Any]) -> Encoded | Awaitable[Encoded]:
        """The result of an event as JSON."""
        began_at_s = time.perf_counter()
        context, self._context = self._context or self._new_context(), None
        feeds = cast("ReadFeeds", context.feeds)
        try:
            result = self._execution.execute(event.value, context)
            self._traffic.execution_s += time.perf_counter() - began_at_s
            if isinstance(result, ExecutionResult):
                encoded = self._finish(event, result, feeds)
                self._context = context
                return encoded
        except Exception as error:  # noqa: BLE001 - it is logged there
            return _failed_event(error)
        return self._await(event, result, feeds)

    def failed(self, error: Exception) -> RequestError:
        """The error for a client whose source of events has failed."""
        return self._execution.failed(error)

    async def _await(
        self, event: Event[Any], result: Awaitable[ExecutionResult], feeds: ReadFeeds
    ) -> Encoded:
        try:
            return self._finish(event, await result, feeds)
        except Exception as error:  # noqa: BLE001 - it is logged there
            return _failed_event(error)

    def _finish(self, event: Event[Any], result: ExecutionResult, feeds: ReadFeeds) -> Encoded:
        began_at_s = time.perf_counter()
        payload = self._execution.encode(result)
        self._traffic.encoding_s += time.perf_counter() - began_at_s
        return Encoded(payload, feeds.take_positions(), event.content(payload))

    def _new_context(self) -> Context:
        # What is done for all is not divided into turns of the first member's client.
        context = self._execution.context
        turns = Turns()
        return replace(context, feeds=ReadFeeds(context.feeds), turns=turns, answer_turns=turns)


def _failed_event(error: Exception) -> Encoded:
    masked = internal_error(error, "the execution of an event")
    return Encoded(result_json.execution_result(None, [masked], None))


def _executor_class(schema: APISchema) -> type[Executor[Any]]:
    if schema.execution_context_class is StrawberryGraphQLCoreExecutionContext:
        return EventExecutor
    return schema.execution_context_class


def _overrides(extension: SchemaExtension, method: str) -> bool:
    return getattr(type(extension), method) is not getattr(SchemaExtension, method)


def _is_composable(extension: SchemaExtension) -> bool:
    """Whether an extension needs neither to wait nor to stand around each single result."""
    if _overrides(extension, "on_stream_result"):
        return False
    hooks = (getattr(type(extension), name) for name in (*HOOK_METHODS, "get_results"))
    return not any(
        inspect.isasyncgenfunction(hook) or inspect.iscoroutinefunction(hook) for hook in hooks
    )
