"""Settings of `serve`: which GraphQL documents are executed, and how large they may be."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator

from graphql_api.settings.settings_group import About, SettingsGroup


class DocumentSettings(SettingsGroup):
    """Persisted documents, and the limits of a document and its operations."""

    about: ClassVar = About(
        "which documents are executed", "--persisted-documents queries.json --no-introspection"
    )

    persisted_documents: Path | None = Field(
        default=None,
        description="file of documents that clients may name by their sha256, as graphql-"
        "codegen (persistedDocuments) or Apollo (generate-persisted-query-manifest)"
        " writes it",
    )
    only_persisted_documents: bool = Field(
        default=False,
        description="execute only the documents of that file; GraphiQL, /live and `graphql-api "
        "watch` then do not work, because their documents are not in it",
    )
    max_document_tokens: int = Field(
        default=10_000, ge=1, description="how many tokens a GraphQL document may have"
    )
    max_document_levels: int = Field(
        default=30,
        ge=1,
        description="how deep the selections of a document may be nested; introspection has "
        "limits of its own",
    )
    max_document_aliases: int = Field(
        default=100,
        ge=0,
        description="how many aliases a document may have, with its fragments expanded",
    )
    max_document_comparisons: int = Field(
        default=20_000,
        ge=1,
        description="how many comparisons the validation of a document may take: each field "
        "with all others of the same name in one place",
    )
    max_operation_fields: int = Field(
        default=100_000,
        ge=1,
        description="how many fields an operation may resolve, with the rows of its pages "
        "counted by their `limit` or `first`: every field of a page of 1000 policies is 38 "
        "000; an event of a subscription 10 000 at most; introspection has limits of its own",
    )
    max_operation_values: int = Field(
        default=10_000,
        ge=1,
        description="how many values the arguments of an operation may hold, with a variable's "
        "values counted at each use: each seed of a schedule is one, or two in the document's own "
        "text; an object, such as a rule, is twenty besides those in it",
    )
    max_page_rows: int = Field(default=1000, ge=1, description="how many rows a page may have")
    introspection: bool = Field(
        default=True, description="answer introspection, which GraphiQL needs"
    )
    suggestions: bool = Field(
        default=True,
        description="name in errors the fields and values that a client may have meant",
    )

    @model_validator(mode="after")
    def _only_persisted_documents_are_those_of_a_file(self) -> Self:
        if self.only_persisted_documents and self.persisted_documents is None:
            raise ValueError(
                "--only-persisted-documents needs --persisted-documents FILE: without it, nothing "
                "could be executed"
            )
        return self
