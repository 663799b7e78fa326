"""A variant of graphql-core's executor, for one operation that is executed on many events.

What depends on the operation alone is found out once: which fields are selected, and for those that
are plain attributes of values, how to read and coerce them. The executor of graphql-core looks all
of that up again for each event, at about ten microseconds a field, and never forgets what it
remembers on the way, which an operation that lasts for days cannot afford.

Wherever something is out of the ordinary - a resolver, an argument, a value that does not fit its
type - the executor of graphql-core does it, so that errors are exactly its own.

Source: graphql/execution/executor.py of graphql-core 3.3, `execute_operation`, `execute_fields`,
`collect_subfields`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, ClassVar, Self, TypeAlias, TypeGuard
from weakref import WeakMethod

from graphql import (
    GraphQLError,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfoHelpers,
    Undefined,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetailsList,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.pyutils import AwaitableOrValue, Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graphql_api.errors import ClientError
from graphql_api.schema.errors import drop_frames

Read: TypeAlias = Callable[[Any], Any]
"""Gives the completed value of a selection, or of a field, on an object."""


class _OutOfTheOrdinaryError(Exception):
    """A value that the plan cannot handle."""


class EventExecutor(StrawberryGraphQLCoreExecutionContext):
    """An executor, with a copy for each event; the copies share their plans.

    Those of equal operations may share them too, whatever their variables are: see `share_plans`.
    Objects must be values: attributes are read twice if one of them is out of the ordinary.
    """

    longest_plain_list: ClassVar[int | None] = None
    """A longer list is read by graphql-core, item by item; no list is too long, if absent."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.async_helpers = _weak_helpers(self)
        self._plans = OperationPlans()
        manager = self.middleware_manager  # Strawberry always passes one
        self._has_middleware = manager is not None and bool(manager.middlewares)

    def share_plans(self, made: MutableMapping[str, OperationPlans]) -> None:
        """Take the plans that were made for the same operation, or leave this one's for others.

        Args:
            made: The plans for the operations of this executor's document, by name. In it, no
                directive decides by a variable what is selected.
        """
        name = self.operation.name
        self._plans = made.setdefault("" if name is None else name.value, self._plans)

    def __copy__(self) -> Self:
        """A copy, by a shorter way than that of `copy`: each event has one."""
        made = type(self).__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def execute_operation(self, serially: bool | None = None) -> AwaitableOrValue[Any]:
        """As in graphql-core, with the root's fields collected once."""
        root_type = self.schema.subscription_type
        if serially is not False or root_type is None or self.abort_signal is not None:
            return super().execute_operation(serially)
        try:
            fields = self._plans.root_fields
            if fields is None:
                fields = self._plans.root_fields = collect_fields(
                    self.schema,
                    self.fragments,
                    self.variable_values,
                    root_type,
                    self.operation,
                    self.hide_suggestions,
                )
            data = self.execute_collected_root_fields(
                root_type, self.root_value, fields.grouped_field_set, False, fields.new_defer_usages
            )
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            return self.build_response(None)
        except RecursionError:
            return super().execute_operation(serially)
        if isinstance(data, dict):
            return self.build_response(data)
        return self._await_response(data)

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: Any,
    ) -> AwaitableOrValue[dict[str, Any]]:
        """As in graphql-core; fields that are plain are read by their plan."""
        if position_context is not None or self._has_middleware:
            return super().execute_fields(
                parent_type, source_value, path, grouped_field_set, position_context
            )
        plan = self._plans.by_fields.get(id(grouped_field_set))
        if plan is None:
            plan = _Plan(self, parent_type, grouped_field_set)
            self._plans.by_fields[id(grouped_field_set)] = plan
        results: dict[str, Any]
        try:
            results = plan.read(source_value)
        except Exception:  # noqa: BLE001 - whatever it is, graphql-core finds it again
            return super().execute_fields(parent_type, source_value, path, grouped_field_set, None)
        if not plan.others:
            return results
        others = super().execute_fields(parent_type, source_value, path, plan.others, None)
        if isinstance(others, dict):
            return plan.merge(results, others)
        return plan.merge_later(results, others)

    def collect_subfields(
        self, return_type: GraphQLObjectType, field_details_list: FieldDetailsList
    ) -> CollectedFields:
        """As in graphql-core, once for all that share the plans."""
        key = (return_type, id(field_details_list))
        found = self._plans.sub_fields.get(key)
        if found is None:
            collected = collect_subfields(
                self.schema,
                self.fragments,
                self.variable_values,
                self.operation,
                return_type,
                field_details_list,
                self.hide_suggestions,
            )
            found = self._plans.sub_fields[key] = (field_details_list, collected)
        return found[1]

    def handle_field_error(
        self,
        raw_error: Exception,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        path: Path,
    ) -> None:
        """As in graphql-core; an error that is raised keeps frames only if they are for the log.

        Of several errors that make the whole result null, one reaches the client. The others would
        stay, with all that their frames refer to, until Python's search for cycles.
        """
        try:
            super().handle_field_error(raw_error, return_type, field_details_list, path)
        except GraphQLError as error:
            if isinstance(error.original_error, ClientError):
                drop_frames(error)
            error.__traceback__ = None  # the first frame refers to the error
            raise

    async def _await_response(self, data: Awaitable[dict[str, Any]]) -> Any:
        try:
            return self.build_response(await data)
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            return self.build_response(None)


def _weak_helpers(executor: EventExecutor) -> GraphQLResolveInfoHelpers:
    """The helpers that graphql-core gives resolvers, without a cycle through each executor."""
    return GraphQLResolveInfoHelpers(
        gather=_weakly(executor.gather_async_work), track=_weakly(executor.track_async_work)
    )


def _weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    reference = WeakMethod(method)

    def call(*args: Any) -> Any:
        found = reference()
        assert found is not None, "resolvers run while their executor does"
        return found(*args)

    return call


class OperationPlans:
    """The plans for one operation, which all copies of its executor share."""

    def __init__(self) -> None:
        self.root_fields: CollectedFields | None = None
        self.sub_fields: dict[
            tuple[GraphQLObjectType, int], tuple[FieldDetailsList, CollectedFields]
        ] = {}
        """By the type and by the `id` of the selection, which is kept alive."""
        self.by_fields: dict[int, _Plan] = {}
        """By the `id` of a selection's fields, which the plan keeps alive."""


class _Plan:
    """The plan for reading the fields of one selection on objects of one type."""

    def __init__(
        self, executor: EventExecutor, parent_type: GraphQLObjectType, fields: GroupedFieldSet
    ) -> None:
        self._fields = fields
        self._reads: list[tuple[str, Read]] = []
        self.others: GroupedFieldSet = {}
        """The fields that are for graphql-core."""
        for name, details in fields.items():
            read = _reading(executor, parent_type, details)
            if read is None:
                self.others[name] = details
            else:
                self._reads.append((name, read))

    def read(self, source: object) -> dict[str, Any]:
        """The fields' values on an object, without the others.

        Raises:
            Exception: Something is out of the ordinary; nothing has happened.
        """
        return {name: read(source) for name, read in self._reads}

    def merge(self, results: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
        """All fields in the order in which they are selected."""
        both = results | others
        return {name: both[name] for name in self._fields if name in both}

    async def merge_later(
        self, results: dict[str, Any], others: Awaitable[dict[str, Any]]
    ) -> dict[str, Any]:
        """The same as `merge`, once the others have been awaited."""
        return self.merge(results, await others)


def _reading(
    executor: EventExecutor, parent_type: GraphQLObjectType, details: FieldDetailsList
) -> Read | None:
    """Make the function that reads a field of an object; None, if the field is not plain."""
    node = details[0].node
    if node.name.value == "__typename":
        type_name = parent_type.name
        return lambda _: type_name
    field = parent_type.fields.get(node.name.value)
    if field is None or field.args or not getattr(field.resolve, "_is_default", False):
        return None
    definition = field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    if definition.default_resolver is not getattr:
        return None
    complete = _completion(executor, field.type, details)
    return None if complete is None else _attribute(definition.python_name, complete)


def _completion(
    executor: EventExecutor, type_: GraphQLOutputType, details: FieldDetailsList
) -> Read | None:
    """Make the function that completes a value of a type; None, if the type is not plain."""
    complete: Read | None = None
    inner = get_nullable_type(type_)
    if is_leaf_type(inner):
        complete = _leaf(inner)
    elif is_list_type(inner):
        item = _completion(executor, inner.of_type, details)
        complete = None if item is None else _list(item, executor.longest_plain_list)
    elif is_object_type(inner) and inner.is_type_of is None:
        collected = executor.collect_subfields(inner, details)
        plan = _Plan(executor, inner, collected.grouped_field_set)
        complete = None if plan.others or collected.new_defer_usages else plan.read
    if complete is None:
        return None
    return _non_null(complete) if is_non_null_type(type_) else _nullable(complete)


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether a value is completed as a list whose items may be counted first."""
    if isinstance(value, list | tuple):  # most are, and this is quick
        return True
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _attribute(name: str, complete: Read) -> Read:
    return lambda source: complete(getattr(source, name))


def _leaf(type_: GraphQLLeafType) -> Read:
    coerce = type_.coerce_output_value

    def complete(value: Any) -> Any:
        coerced = coerce(value)
        if coerced is None or coerced is Undefined:
            raise _OutOfTheOrdinaryError
        return coerced

    return complete


def _list(item: Read, longest: int | None) -> Read:
    def complete(value: Any) -> list[Any]:
        if not is_sequence(value):
            raise _OutOfTheOrdinaryError
        if longest is not None and len(value) > longest:
            raise _OutOfTheOrdinaryError
        return [item(each) for each in value]

    return complete


def _nullable(complete: Read) -> Read:
    return lambda value: None if value is None else complete(value)


def _non_null(complete: Read) -> Read:
    def checked(value: Any) -> Any:
        if value is None:
            raise _OutOfTheOrdinaryError
        return complete(value)

    return checked
