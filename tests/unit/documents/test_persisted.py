"""Documents that clients name by their sha256: found, registered, and bounded."""

from __future__ import annotations

from hashlib import sha256

import pytest
from graphql import GraphQLError

from graphql_api.documents.documents import Documents
from graphql_api.documents.persisted import PersistedDocuments, document_id
from graphql_api.documents.request import MalformedRequestError, Request
from tests.for_each import for_each

TEXT = "{ a }"
ID = sha256(TEXT.encode()).hexdigest()


def documents(**arguments: object) -> Documents:
    persisted = PersistedDocuments(**arguments)  # type: ignore[arg-type]
    return Documents(
        persisted=persisted,
        check=lambda document: [GraphQLError("bad")] if "bad" in document.text else [],
    )


def code(documents: Documents, text: str | None, id_: str | None) -> object:
    with pytest.raises(GraphQLError) as raised:
        documents.find(text, id_)
    return (raised.value.extensions or {}).get("code")


def test_id_is_the_sha256_of_the_text_in_utf_8() -> None:
    # The example of the appendix of GraphQL over HTTP.
    assert document_id("query($id:ID!){user(id:$id){name}}") == (
        "71f7dc5758652baac68e4a10c50be732b741c892ade2883a99358f52b555286b"
    )
    assert document_id("{ä}") == sha256(b"{\xc3\xa4}").hexdigest()


def test_document_that_was_sent_with_its_id_is_found_by_it() -> None:
    known = documents()
    assert code(known, None, ID) == "PERSISTED_QUERY_NOT_FOUND"
    sent = known.find(TEXT, ID)
    assert known.find(None, ID) is sent


def test_message_is_the_one_that_clients_look_for() -> None:
    with pytest.raises(GraphQLError) as raised:
        documents().find(None, ID)
    assert raised.value.message == "PersistedQueryNotFound"


def test_document_that_was_sent_alone_is_not_found_by_its_id() -> None:
    known = documents()
    known.find(TEXT, None)
    assert code(known, None, ID) == "PERSISTED_QUERY_NOT_FOUND"


@for_each("wrong", ["", "x", ID.upper(), ID[:-1], document_id("{ b }")])
def test_document_with_another_id_is_an_error_and_not_remembered(wrong: str) -> None:
    known = documents()
    assert code(known, TEXT, wrong) == "PERSISTED_QUERY_HASH_MISMATCH"
    assert code(known, None, wrong) == code(known, None, ID) == "PERSISTED_QUERY_NOT_FOUND"


@for_each("text", ["{ bad }", "{", "{ " + "a " * 10_000 + "}"])
def test_only_valid_documents_are_remembered(text: str) -> None:
    known = documents()
    try:
        known.find(text, document_id(text))
    except GraphQLError:
        assert "bad" not in text
    assert code(known, None, document_id(text)) == "PERSISTED_QUERY_NOT_FOUND"


def test_documents_that_were_used_longest_ago_are_forgotten() -> None:
    known = documents(max_chars=10_000)
    texts = [f"{{ a{i} {' ' * 700}}}" for i in range(20)]
    known.find(texts[0], document_id(texts[0]))
    for text in texts[1:]:
        known.find(text, document_id(text))
        known.find(None, document_id(texts[0]))
    assert code(known, None, document_id(texts[1])) == "PERSISTED_QUERY_NOT_FOUND"
    known.find(None, document_id(texts[19]))


def test_registered_documents_are_bounded_however_short() -> None:
    persisted = PersistedDocuments(max_chars=10_000)
    for i in range(1000):
        persisted.register(str(i), "{a}")
    assert len(persisted) < 40
    persisted.register("long", " " * 1001)
    assert not persisted.is_known("long")


def test_documents_of_the_manifest_are_never_forgotten() -> None:
    known = documents(manifest={ID: TEXT}, max_chars=1000)
    for i in range(100):
        text = f"{{ a{i} }}"
        known.find(text, document_id(text))
    assert known.find(None, ID).text == TEXT


def test_with_only_the_manifest_nothing_else_is_executed() -> None:
    known = documents(manifest={ID: TEXT}, only=True)
    assert known.find(None, ID).text == TEXT
    assert known.find(TEXT, None).text == TEXT
    assert known.find(TEXT, ID).text == TEXT
    other = "{ b }"
    assert code(known, other, None) == "PERSISTED_DOCUMENT_REQUIRED"
    assert code(known, other, document_id(other)) == "PERSISTED_DOCUMENT_REQUIRED"
    assert code(known, TEXT + " ", None) == "PERSISTED_DOCUMENT_REQUIRED"
    assert code(known, None, document_id(other)) == "PERSISTED_QUERY_NOT_FOUND"


# The two ways in which a request names a document.


@for_each(
    "naming",
    [
        {"documentId": ID},
        {"documentId": f"sha256:{ID}"},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": ID}}},
        {
            "documentId": f"sha256:{ID}",
            "extensions": {"persistedQuery": {"version": 1, "sha256Hash": ID, "more": 1}},
        },
    ],
)
def test_document_may_be_named_in_both_ways(naming: dict[str, object]) -> None:
    assert Request.of(naming) == Request(None, document_id=ID, extensions=_rest(naming))
    both = naming | {"query": TEXT}
    assert Request.of(both) == Request(TEXT, document_id=ID, extensions=_rest(naming))


def _rest(naming: dict[str, object]) -> dict[str, object] | None:
    """The extensions, without what names a document: who names it shares with who sends it."""
    return {} if "extensions" in naming else None


def test_other_extensions_are_kept() -> None:
    named = {"version": 1, "sha256Hash": ID}
    request = Request.of({"extensions": {"a": 1, "persistedQuery": named}})
    assert request.extensions == {"a": 1}
    assert Request.of({"query": TEXT, "extensions": {"persistedQuery": None}}).document_id is None


@for_each(
    "wrong",
    [
        {},
        {"documentId": None},
        {"documentId": 5, "query": TEXT},
        {"documentId": ID, "query": 5},
        {"query": TEXT, "extensions": {"persistedQuery": 5}},
        {"query": TEXT, "extensions": {"persistedQuery": {}}},
        {"query": TEXT, "extensions": {"persistedQuery": {"version": 2, "sha256Hash": ID}}},
        {"query": TEXT, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": 5}}},
        {
            "documentId": "another",
            "extensions": {"persistedQuery": {"version": 1, "sha256Hash": ID}},
        },
    ],
)
def test_request_that_names_a_document_wrongly_is_malformed(wrong: dict[str, object]) -> None:
    with pytest.raises(MalformedRequestError):
        Request.of(wrong)
