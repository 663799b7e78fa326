"""The backend: the parts of one server that all its protocols share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from graphql import OperationType

from graphql_api.auth.authenticator import Authenticator
from graphql_api.auth.principal import Principal
from graphql_api.documents.documents import Documents, ParsedDocument
from graphql_api.documents.request import Request
from graphql_api.execution.runner import OperationRunner, RequestedOperation
from graphql_api.limits.answer_memory import Answers
from graphql_api.limits.cpu_budget import ClientBudget, CPUBudgets
from graphql_api.limits.long_answers import LongAnswers
from graphql_api.limits.traffic import Traffic
from graphql_api.schema import Context

MakeContext: TypeAlias = Callable[[Principal], Context]
"""Makes the context of one operation of a client, without what belongs to its connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The parts of one server that its protocols share.

    Attributes:
        runner: Runs operations.
        make_context: Makes the context of each operation.
        traffic: Where to count what is received and sent.
        documents: The parsed documents.
        authenticator: Decides which clients are served, and for how long; all of them, if absent.
        budgets: How much of the processor each client may use.
        long_answers: The long answers that are being made.
        answers: The large answers that are being sent.
        clock: Returns the time, in seconds, for durations.
    """

    runner: OperationRunner
    make_context: MakeContext
    traffic: Traffic
    documents: Documents = field(default_factory=Documents)
    authenticator: Authenticator = field(default_factory=Authenticator)
    budgets: CPUBudgets = field(default_factory=CPUBudgets)
    long_answers: LongAnswers = field(default_factory=LongAnswers)
    answers: Answers = field(default_factory=Answers)
    clock: Callable[[], float] = time.monotonic

    def operation(
        self,
        request: Request,
        document: ParsedDocument,
        kind: OperationType,
        *,
        principal: Principal,
        budget: ClientBudget,
        resume_from: str | None,
    ) -> RequestedOperation:
        """An operation that a client asks for, with what its resolvers are given.

        Args:
            request: What is asked for.
            document: The document of the operation.
            kind: What the operation is.
            principal: The client.
            budget: The budget of its connection.
            resume_from: The cursor that the connection gives for the operation, if it does.
        """
        turns = budget.turns()
        context = replace(
            self.make_context(principal),
            resume_from=resume_from,
            turns=turns,
            answer_turns=turns,
            address=budget.address,
            spend=budget.spend,
            apart=budget.apart,
            long_work=budget.long_work,
        )
        answer = None
        if kind is OperationType.QUERY:  # a mutation has written before its answer is made
            answer = self.long_answers.of(budget)
            context = replace(
                context,
                answer_turns=answer.turns(),
                begin_long=answer.begin,
                read_many=answer.read_many,
            )
        return RequestedOperation(request, document, kind, context, answer)
