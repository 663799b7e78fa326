"""The executor of queries and mutations: long lists are completed in turns, and as JSON.

graphql-core completes a whole result in one go. A page of 1 000 rows with all their fields takes
70 ms of it, and the event loop serves no other client until it is done. Here a list that is longer
than `LONG_LIST` is completed item by item, and every few milliseconds there is a pause: the event
loop serves others, and a client that has used its budget waits.

Each root field, and each object in a long list, becomes JSON as soon as it is complete. The dicts
and lists of a page of 1 000 rows would take ten times the memory of its JSON for as long as the
page takes, and Python's search for garbage would look through all of them, for every client that is
sent one at the moment.

Root fields of which there are many begin in turns, too: to coerce the arguments of a hundred takes
as long as a page. So does the coercion of variables: see `later_variables`.

Source: graphql/execution/executor.py of graphql-core 3.3, `complete_list_value`, which awaits the
items of an asynchronous iterable.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, TypeVar

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationType,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.pyutils import AwaitableOrValue, Path, UndefinedType

from graphql_api.execution.event_executor import EventExecutor, is_sequence
from graphql_api.execution.later_variables import LaterVariables
from graphql_api.execution.result_json import to_json
from graphql_api.turns import in_turns

T = TypeVar("T")

LONG_LIST = 100
"""Items; a row with all its fields takes some 70 microseconds."""

MANY_FIELDS = 10
"""Root fields; the arguments of one take up to a millisecond."""


class QueryExecutor(EventExecutor):
    """Completes plain fields as `EventExecutor` does, and long lists in turns."""

    longest_plain_list = LONG_LIST
    _begins_later = False
    _later: LaterVariables | None = None

    @classmethod
    def build(  # noqa: PLR0917 - graphql-core's
        cls,
        schema: GraphQLSchema,
        document: DocumentNode,
        root_value: Any = None,
        context_value: Any = None,
        raw_variable_values: dict[str, Any] | None = None,
        operation_name: str | None = None,
        *others: Any,
        **named: Any,
    ) -> Any:
        """Build an executor; variables of many values of a query or a mutation come later."""
        later = LaterVariables.of(schema, document, operation_name, raw_variable_values)
        if later is None or later.kind is OperationType.SUBSCRIPTION:
            given = (document, root_value, context_value, raw_variable_values, operation_name)
            return super().build(schema, *given, *others, **named)
        given = (later.document, root_value, context_value, None, operation_name)
        executor = super().build(schema, *given, *others, **named)
        if isinstance(executor, QueryExecutor):
            executor._later = later  # noqa: SLF001 - it is of this class
        return executor

    def execute_operation(self, serially: bool | None = None) -> AwaitableOrValue[Any]:
        """Execute the operation, once its variables have been read."""
        if self._later is None:
            return super().execute_operation(serially)
        later, self._later = self._later, None
        return self._execute_after(later, serially)

    async def _execute_after(self, later: LaterVariables, serially: bool | None) -> Any:
        errors = await later.read(self)
        if errors:
            return ExecutionResult(None, errors)
        result = super().execute_operation(serially)
        return await result if self.is_awaitable(result) else result

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: Any,
    ) -> AwaitableOrValue[dict[str, Any]]:
        """Execute fields; many of the root of a query in turns."""
        if path is None:
            self._begins_later = len(grouped_field_set) > MANY_FIELDS
        return super().execute_fields(
            parent_type, source_value, path, grouped_field_set, position_context
        )

    def complete_list_value(  # noqa: PLR0917 - graphql-core's
        self,
        return_type: GraphQLList[GraphQLOutputType],
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> AwaitableOrValue[list[Any]]:
        """Complete a list; a long one as an asynchronous iterable."""
        is_long = is_sequence(result) and len(result) > LONG_LIST
        if is_long or info.parent_type.name == "__Schema":  # its few types have long lists
            result = _long_list(result, self.context_value)
        return super().complete_list_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def complete_list_item_value(  # noqa: PLR0917 - graphql-core's
        self,
        item: Any,
        complete_results: list[Any],
        item_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        item_path: Path,
        position_context: Any,
    ) -> bool:
        """Complete an item; an object as JSON."""
        is_later = super().complete_list_item_value(
            item, complete_results, item_type, field_details_list, info, item_path, position_context
        )
        completed = complete_results[-1]
        complete_results[-1] = _json_later(completed) if is_later else _json(completed)
        return is_later

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: Any,
    ) -> AwaitableOrValue[Any] | UndefinedType:
        """Execute a field; one of the root of a query or a mutation as JSON."""
        if path.prev is not None or parent_type is self.schema.subscription_type:
            return super().execute_field(
                parent_type, source, field_details_list, path, position_context
            )
        if self._begins_later:
            return self._execute_later(
                parent_type, source, field_details_list, path, position_context
            )
        completed = super().execute_field(
            parent_type, source, field_details_list, path, position_context
        )
        return _json_later(completed) if self.is_awaitable(completed) else _json(completed)

    async def _execute_later(self, *field: Any) -> Any:
        """Execute a field in the task that graphql-core makes of it."""
        await self.context_value.answer_turns.pause()
        await self.context_value.begin_long()
        completed = super().execute_field(*field)
        return _json(await completed if self.is_awaitable(completed) else completed)


async def _long_list(items: Sequence[T], context: Any) -> AsyncIterator[T]:
    await context.begin_long()
    async for item in in_turns(items, context.answer_turns):
        yield item


def _json(completed: Any) -> Any:
    if not isinstance(completed, dict):
        return completed
    # Copied, because orjson's own bytes keep the room that it wrote in.
    return orjson.Fragment(memoryview(to_json(completed)).tobytes())


async def _json_later(completed: Awaitable[Any]) -> Any:
    return _json(await completed)
