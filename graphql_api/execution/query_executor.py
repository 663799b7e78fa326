"""The executor of queries and mutations: long lists are completed in turns with other work.

graphql-core completes a whole result in one go. A page of 1 000 rows with all their fields takes
70 ms of it, and the event loop serves no other client until it is done. Here a list that is longer
than `LONG_LIST` is completed item by item, and every few milliseconds there is a pause: the event
loop serves others, and a client that has used its budget waits.

Source: graphql/execution/executor.py of graphql-core 3.3, `complete_list_value`, which awaits the
items of an asynchronous iterable.
"""

from __future__ import annotations

from typing import Any

from graphql import GraphQLList, GraphQLOutputType, GraphQLResolveInfo
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import AwaitableOrValue, Path

from graphql_api.execution.event_executor import EventExecutor, is_sequence
from graphql_api.turns import in_turns

LONG_LIST = 100
"""Items; a row with all its fields takes some 70 microseconds."""


class QueryExecutor(EventExecutor):
    """Completes plain fields as `EventExecutor` does, and long lists in turns."""

    longest_plain_list = LONG_LIST

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
            result = in_turns(result, self.context_value.turns)
        return super().complete_list_value(
            return_type, field_details_list, info, path, result, position_context
        )
