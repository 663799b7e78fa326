"""The documents that clients send, or name by their sha256: parsed, and remembered.

Clients send the same few again and again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container, Iterator
from functools import cached_property

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    Node,
    OperationDefinitionNode,
    VariableDefinitionNode,
    VariableNode,
    parse,
)

from graphql_api.transport.persisted import PersistedDocuments

RESUMPTION_ARGUMENTS = frozenset({"since", "includeInitial"})
"""The arguments of a subscription that decide where its events begin, and nothing else."""


class Document:
    """A parsed document; nobody may change it.

    Attributes:
        text: Its text; one object for all who sent an equal one.
        node: Its syntax tree.
        valid_by: The rules by which it was found valid last.
    """

    def __init__(self, text: str, node: DocumentNode) -> None:
        self.text = text
        self.node = node
        self.valid_by: tuple[type[ASTValidationRule], ...] = ()

    @cached_property
    def resumption_variables(self) -> frozenset[str]:
        """The variables that only say where events begin.

        They are used nowhere but as the value of a resumption argument of an operation's own field;
        whatever a fragment does with a variable makes it another one.
        """
        resuming = [
            argument.value
            for definition in self.node.definitions
            if isinstance(definition, OperationDefinitionNode)
            for field in definition.selection_set.selections
            if isinstance(field, FieldNode)
            for argument in field.arguments or ()
            if argument.name.value in RESUMPTION_ARGUMENTS
            if isinstance(argument.value, VariableNode)
        ]
        elsewhere = _variables(self.node, leave_out={id(node) for node in resuming})
        return frozenset(node.name.value for node in resuming).difference(elsewhere)


def _variables(root: Node, leave_out: Container[int]) -> Iterator[str]:
    """The variables that are used below a node, apart from some uses, by their `id`."""
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if isinstance(node, VariableDefinitionNode) or id(node) in leave_out:
            continue
        if isinstance(node, VariableNode):
            yield node.name.value
        for key in node.keys:
            child = getattr(node, key)
            if isinstance(child, Node):
                nodes.append(child)
            elif isinstance(child, tuple):
                nodes += child


class Documents:
    """The documents that parsed, as many of those used last as fit.

    Only documents without a syntax error are remembered, and none that would take more than a tenth
    of the room: nobody can push out what others use by sending rubbish.

    Args:
        max_chars: How long the remembered texts may be together; a parsed document takes about a
            hundred bytes for each character.
        max_tokens: How many tokens a document may have; parsing holds up everybody.
        persisted: The texts that clients need not send.
        is_valid: Whether a document fits the schema: only such can be registered.
    """

    def __init__(
        self,
        *,
        max_chars: int = 200_000,
        max_tokens: int = 10_000,
        persisted: PersistedDocuments | None = None,
        is_valid: Callable[[DocumentNode], bool] = lambda _: False,
    ) -> None:
        self._max_chars = max_chars
        self._max_tokens = max_tokens
        self._persisted = PersistedDocuments() if persisted is None else persisted
        self._is_valid = is_valid
        self._chars = 0
        self._parsed: OrderedDict[str, Document] = OrderedDict()

    def __len__(self) -> int:
        return len(self._parsed)

    def find(self, text: str | None, id_: str | None) -> Document:
        """The document that a client has sent, or named, or both: then it is registered.

        Args:
            text: Its text.
            id_: Its sha256; at least one of them is there.

        Raises:
            GraphQLSyntaxError: It has an error, or too many tokens, or is nested too deeply.
            GraphQLError: It is not known, or may not be executed; with its code.
        """
        if text is None:
            assert id_ is not None, "a request has one of them"
            return self.parse(self._persisted.text(id_))
        self._persisted.check(text, id_)
        document = self.parse(text)
        if id_ is not None and not self._persisted.is_known(id_) and self._is_valid(document.node):
            self._persisted.register(id_, text)
        return document

    def parse(self, text: str) -> Document:
        """The document of a text.

        Raises:
            GraphQLSyntaxError: It has an error, or too many tokens, or is nested too deeply.
        """
        document = self._parsed.get(text)
        if document is not None:
            self._parsed.move_to_end(text)
            return document
        document = Document(text, parse(text, max_tokens=self._max_tokens))
        if len(text) <= self._max_chars // 10:
            self._parsed[text] = document
            self._chars += len(text)
            while self._chars > self._max_chars:
                forgotten, _ = self._parsed.popitem(last=False)
                self._chars -= len(forgotten)
        return document
