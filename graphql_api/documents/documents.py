"""Documents that clients send, or name by their sha256: parsed, validated, and cached.

Clients send the same few again and again. A long one that is new is parsed and checked by a thread
of its own, since nothing else can interrupt that: 10 000 tokens take half a second.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any
from weakref import WeakValueDictionary

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSyntaxError,
    Lexer,
    Node,
    OperationDefinitionNode,
    Token,
    VariableDefinitionNode,
    VariableNode,
)
from graphql.language.parser import Parser, nested_too_deeply_error

from graphql_api.documents.persisted import PersistedDocuments
from graphql_api.documents.source import IndexedSource
from graphql_api.limits.cpu_budget import ClientBudget
from graphql_api.schema.links import LINK_FIELDS
from graphql_api.settings.documents import DocumentSettings

DELIVERY_ARGUMENTS = frozenset({"since", "includeInitial", "everyMs"})
"""The arguments of a subscription that decide where its events begin and when they are sent, and
nothing else."""

LONG_TEXT = 500
"""Characters; so many are 250 tokens at most, which take some 10 ms."""


class ParsedDocument:
    """A parsed document. Only what is remembered about it changes.

    Attributes:
        text: Its text; one object for all clients that sent an equal one.
        node: Its syntax tree.
        checked_by: The rules by which it was checked last.
        errors: What they found.
        plans: The plans of its subscriptions, by the name of each or the empty one, for as long as
            one of them lasts. None if it may have a directive, by which a variable decides
            what is selected.
    """

    def __init__(self, text: str, node: DocumentNode) -> None:
        self.text = text
        self.node = node
        self.checked_by: tuple[type[ASTValidationRule], ...] = ()
        self.errors: list[GraphQLError] = []
        self.plans: WeakValueDictionary[str, Any] | None = None
        if "@" not in text:
            self.plans = WeakValueDictionary()

    @cached_property
    def has_links(self) -> bool:
        """Whether it may ask for links, which are for one client."""
        return any(name in self.text for name in LINK_FIELDS)

    @cached_property
    def delivery_variables(self) -> frozenset[str]:
        """The variables that only say where events begin and when they are sent.

        They are used nowhere but as the value of a delivery argument of an operation's own field;
        whatever a fragment does with a variable makes it another one.
        """
        resuming = [
            argument.value
            for definition in self.node.definitions
            if isinstance(definition, OperationDefinitionNode)
            for field in definition.selection_set.selections
            if isinstance(field, FieldNode)
            for argument in field.arguments or ()
            if argument.name.value in DELIVERY_ARGUMENTS
            if isinstance(argument.value, VariableNode)
        ]
        elsewhere = _variables(self.node, leave_out={id(node) for node in resuming})
        return frozenset(node.name.value for node in resuming).difference(elsewhere)


def _parse(text: str, max_tokens: int) -> DocumentNode:
    """Parse a document, and free its tokens, whose places its nodes know without them.

    Each token refers to the one before and the one behind it: only a search for cycles would find
    them, and it would hold up everything else. `parse` of graphql-core does the same without that.

    Raises:
        GraphQLSyntaxError: It has an error, or too many tokens, or is nested too deeply.
    """
    source = IndexedSource(text)
    lexer = Lexer(source)
    token: Token | None = lexer.token
    parser = Parser(source, max_tokens=max_tokens, lexer=lexer)
    try:
        return parser.parse_document()
    except RecursionError:
        raise nested_too_deeply_error(parser) from None
    finally:
        while token is not None:
            following = token.next
            token.prev = token.next = None
            token = following


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


_DEFAULT = DocumentSettings()


class Documents:
    """Cache of parsed documents, of limited size: those used longest ago are dropped.

    Only documents without a syntax error are remembered, and none that would take more than a tenth
    of the room: a client that sends rubbish cannot displace the documents of others.

    Args:
        max_chars: How long the remembered texts may be together; a parsed document takes about a
            hundred bytes for each character.
        max_tokens: How many tokens a document may have; parsing holds up everybody.
        persisted: The texts that clients need not send.
        check: Finds what is wrong with a document, and notes it there. Only a document without
            errors can be registered; none, if this is absent.
    """

    def __init__(
        self,
        *,
        max_chars: int = 200_000,
        max_tokens: int = _DEFAULT.max_document_tokens,
        persisted: PersistedDocuments | None = None,
        check: Callable[[ParsedDocument], Sequence[GraphQLError]] | None = None,
    ) -> None:
        self._max_chars = max_chars
        self._max_tokens = max_tokens
        self._persisted = PersistedDocuments() if persisted is None else persisted
        self._check = check
        self._chars = 0
        self._in_use = WeakValueDictionary[str, ParsedDocument]()
        # Documents that are being checked: all clients that send the same one wait for one check.
        self._checking: dict[str, asyncio.Future[tuple[ParsedDocument | GraphQLError, float]]] = {}
        self._thread = ThreadPoolExecutor(1, "documents")
        self._parsed: OrderedDict[str, ParsedDocument] = OrderedDict()

    def __len__(self) -> int:
        return len(self._parsed)

    def find(self, text: str | None, id_: str | None) -> ParsedDocument:
        """The document that a client has sent or named; one sent with its name is registered.

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
        if id_ is None or self._check is None or self._persisted.is_known(id_):
            return document
        if not self._check(document):
            self._persisted.register(id_, text)
        return document

    async def prepare(
        self, text: str | None, id_: str | None, budget: ClientBudget
    ) -> ParsedDocument | None:
        """Parse and check a document beside the event loop, if that would take long.

        Args:
            text: As of `find`.
            id_: The same.
            budget: Whose CPU time it takes.

        Returns:
            The document, for which `find` and `parse` need no time as long as it is referred to;
            None, if it has been there, or is short.

        Raises:
            GraphQLSyntaxError: As of `find`.
            GraphQLError: The same.
            OverBudgetError: The client would have to wait for too long.
        """
        if text is None:
            assert id_ is not None, "a request has one of them"
            text = self._persisted.text(id_)
        else:
            self._persisted.check(text, id_)
        if len(text) <= LONG_TEXT or text in self._parsed or text in self._in_use:
            return None
        await budget.pause()
        if text in self._parsed or text in self._in_use:
            return None  # another client has brought it
        checking = self._checking.get(text)
        is_shared = checking is not None
        if checking is None:
            loop = asyncio.get_running_loop()
            checking = loop.run_in_executor(self._thread, self._parsed_and_checked, text)
            self._checking[text] = checking
            checking.add_done_callback(lambda _: self._checking.pop(text, None))
        document, took_s = await asyncio.shield(checking)
        if not is_shared:
            budget.spend(took_s)
        if isinstance(document, GraphQLError):
            raise document
        document = self._in_use.setdefault(text, document)  # another client may have brought it
        if text not in self._parsed:
            self._remember(document)
        await budget.turn()  # all who waited for it go on at the same moment
        return document

    def _parsed_and_checked(self, text: str) -> tuple[ParsedDocument | GraphQLError, float]:
        """A new document, or why there is none; and how much CPU time that took."""
        began_s = time.thread_time()
        try:
            document = self._new(text)
            if self._check is not None:
                self._check(document)
        except GraphQLSyntaxError as error:
            return error, time.thread_time() - began_s
        return document, time.thread_time() - began_s

    def parse(self, text: str) -> ParsedDocument:
        """The document of a text.

        Raises:
            GraphQLSyntaxError: It has an error, or too many tokens, or is nested too deeply.
        """
        document = self._parsed.get(text)
        if document is not None:
            self._parsed.move_to_end(text)
            return document
        document = self._in_use.get(text)
        if document is None:
            document = self._new(text)
            self._remember(document)
        return document

    def _new(self, text: str) -> ParsedDocument:
        return ParsedDocument(text, _parse(text, self._max_tokens))

    def _remember(self, document: ParsedDocument) -> None:
        text = document.text
        if len(text) <= self._max_chars // 10:
            self._parsed[text] = document
            self._chars += len(text)
            while self._chars > self._max_chars:
                forgotten, _ = self._parsed.popitem(last=False)
                self._chars -= len(forgotten)
