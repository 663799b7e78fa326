"""The generated code of Starbelly's protocol, and the numbers that it has."""

from __future__ import annotations

import shutil
from pathlib import Path

from graphql_api.protocols.starbelly import starbelly_pb2 as pb
from tests import protobuf_code, starbelly_numbers


def test_generated_code_is_up_to_date() -> None:
    assert protobuf_code.out_of_date() == []


def test_change_of_the_source_is_noticed(tmp_path: Path) -> None:
    folder = protobuf_code.SOURCE.parent
    shutil.copytree(protobuf_code.ROOT / folder, tmp_path / folder)
    source = tmp_path / protobuf_code.SOURCE
    source.write_text(source.read_text().replace("policy_event = 8", "policy_event = 18"))
    assert str(folder / "starbelly_pb2.py") in protobuf_code.out_of_date(tmp_path)


def test_numbers_are_those_of_starbelly() -> None:
    for ours, by_numbers in (
        (pb.Request.DESCRIPTOR, starbelly_numbers.Request.DESCRIPTOR),
        (pb.ServerMessage.DESCRIPTOR, starbelly_numbers.ServerMessage.DESCRIPTOR),
        (pb.Event.DESCRIPTOR, starbelly_numbers.EVENT.DESCRIPTOR),
    ):
        theirs = {field.name: field.number for field in by_numbers.fields}
        for field in ours.fields:
            assert theirs[field.name] == field.number
