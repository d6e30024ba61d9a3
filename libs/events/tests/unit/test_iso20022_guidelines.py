"""Our usage guidelines are parts of the real messages, and documents are read without trusting them."""

import dataclasses
import importlib
from enum import Enum
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from lxml import etree

from backoffice_events import iso20022
from backoffice_events.iso20022 import MAX_DOCUMENT_BYTES, InvalidDocumentError, MessageType, read

pytestmark = pytest.mark.unit

XS = "{http://www.w3.org/2001/XMLSchema}"


def full_model(message: MessageType) -> type[Any]:
    module = importlib.import_module(f"python_iso20022.sese.{message.value.replace('.', '_')}.models")
    model: type[Any] = getattr(module, message.value.title().replace(".", ""))
    return model


def element_type(hint: Any) -> Any:
    for argument in get_args(hint):
        if argument is not type(None):
            return element_type(argument)
    return hint


class Guideline:
    def __init__(self, message: MessageType) -> None:
        source = files(iso20022).joinpath(f"{message.value}.xsd").read_bytes()
        named = [each for each in etree.fromstring(source) if each.get("name")]
        self.types = {each.get("name"): each for each in named if each.tag != f"{XS}element"}

    def elements(self, type_name: str) -> list[Any]:
        return list(self.types[type_name].iter(f"{XS}element"))

    def codes(self, type_name: str) -> set[str]:
        return {each.get("value") for each in self.types[type_name].iter(f"{XS}enumeration")}


def compare(guideline: Guideline, type_name: str, model: type[Any], path: str) -> None:
    """The type's elements are fields of the model, in its order; what the model requires is there, and required."""
    hints = get_type_hints(model)
    fields = {each.metadata.get("name", each.name): each for each in dataclasses.fields(model)}
    elements = guideline.elements(type_name)
    names = [each.get("name") for each in elements]
    assert names == [name for name in fields if name in names], path
    for name, field in fields.items():
        assert name in names or not field.metadata.get("required"), (
            f"{path}/{name} is required by the standard"
        )
    for element in elements:
        field, here = fields[element.get("name")], f"{path}/{element.get('name')}"
        assert not (field.metadata.get("required") and element.get("minOccurs") == "0"), here
        compare_type(guideline, element.get("type"), element_type(hints[field.name]), here)


def compare_type(guideline: Guideline, type_name: str, model: Any, path: str) -> None:
    if isinstance(model, type) and issubclass(model, Enum):
        assert guideline.codes(type_name) <= {code.value for code in model}, path
    elif dataclasses.is_dataclass(model) and guideline.elements(type_name):
        assert isinstance(model, type)
        assert model.__name__.startswith(type_name), path
        compare(guideline, type_name, model, path)


@pytest.mark.parametrize("message", MessageType)
def test_a_guideline_is_a_part_of_the_standard_message(message: MessageType) -> None:
    compare(Guideline(message), "Document", full_model(message), message.value)


def status_advice(body: str = "", prolog: str = "") -> bytes:
    return (
        f'{prolog}<Document xmlns="{MessageType.STATUS_ADVICE.namespace}"><SctiesSttlmTxStsAdvc>'
        f"<TxId><AcctOwnrTxId>i1</AcctOwnrTxId></TxId>{body}</SctiesSttlmTxStsAdvc></Document>"
    ).encode()


def test_an_element_says_the_first_value_inside_it() -> None:
    reason = "<Rsn><Cd><Cd>LACK</Cd></Cd><AddtlRsnInf>by noon</AddtlRsnInf></Rsn>"
    message = read(status_advice(f"<SttlmSts><Pdg>{reason}</Pdg></SttlmSts>"), MessageType.STATUS_ADVICE)

    assert message.text("TxId") == "i1"
    assert message.component("TxId").text_or_none("AcctSvcrTxId") is None
    assert (message.choice("SttlmSts"), message.text("SttlmSts"), message.unit("SttlmSts")) == (
        "Pdg",
        "LACK",
        "Cd",
    )
    assert message.component("SttlmSts").component("Pdg").component("Rsn").text("AddtlRsnInf") == "by noon"


def test_an_element_that_is_not_there_has_nothing_inside() -> None:
    message = read(status_advice("<MtchgSts><Mtchd/></MtchgSts>"), MessageType.STATUS_ADVICE)

    assert message.choice("MtchgSts") == "Mtchd"
    assert message.choice("PrcgSts") is None
    assert message.number_or_none("PrcgSts") is None
    assert message.component("PrcgSts").component("Rjctd").text_or_none("Rsn") is None


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "not well-formed"),
        (b"{}", "not well-formed"),
        (status_advice()[:-5], "not well-formed"),
        (status_advice(prolog='<!DOCTYPE Document [<!ENTITY a "b">]>'), "document type declaration"),
        (
            status_advice(prolog='<!DOCTYPE Document SYSTEM "http://127.0.0.1:9/x">'),
            "document type declaration",
        ),
        (status_advice("<PrcgSts>&a;</PrcgSts>"), "not well-formed"),
        (status_advice("<Unknown/>"), r"not a valid sese\.024\.001\.12"),
        (status_advice("\x00"), "not well-formed"),
        (b"\xff\xfe\x00", "not well-formed"),
        (b" " * (MAX_DOCUMENT_BYTES + 1), "bytes"),
        (status_advice().replace(b"024.001.12", b"024.001.11"), "not a valid"),
    ],
)
def test_anything_else_is_refused_with_the_reason(document: bytes, why: str) -> None:
    with pytest.raises(InvalidDocumentError, match=why):
        read(document, MessageType.STATUS_ADVICE)


@pytest.mark.parametrize("entity", ['SYSTEM "file://{file}"', '"NORE"'])
def test_an_entity_is_never_followed(tmp_path: Path, entity: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("NORE")
    declared = f"<!DOCTYPE Document [<!ENTITY x {entity.format(file=secret)}>]>"
    used = "<PrcgSts><Canc><NoSpcfdRsn>&x;</NoSpcfdRsn></Canc></PrcgSts>"
    with pytest.raises(InvalidDocumentError):
        read(status_advice(used, declared), MessageType.STATUS_ADVICE)
