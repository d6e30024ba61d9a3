"""What is understood without a parser is what a parser would make of it, and nothing that it would refuse."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from lxml import etree

from backoffice_events import iso20022
from backoffice_events.iso20022 import Form, InvalidDocumentError, MessageType
from backoffice_events.iso20022.components import Component, ParsedComponent, PlainComponent
from backoffice_events.iso20022.plain import PlainGuideline

pytestmark = pytest.mark.unit

CONFIRMATION = (
    f'<Document xmlns="{MessageType.CONFIRMATION.namespace}"><SctiesSttlmTxConf><TxIdDtls>'
    "<AcctOwnrTxId>i-1</AcctOwnrTxId><MktInfrstrctrTxId>m 1</MktInfrstrctrTxId><SctiesMvmntTp>RECE</SctiesMvmntTp>"
    "<Pmt>APMT</Pmt></TxIdDtls><AddtlParams><PrtlSttlm>PAIN</PrtlSttlm></AddtlParams><TradDtls>"
    "<SttlmDt><Dt><Dt>2024-06-04</Dt></Dt></SttlmDt><FctvSttlmDt><Dt><Dt>2024-12-31</Dt></Dt></FctvSttlmDt></TradDtls>"
    "<FinInstrmId><ISIN>US0378331005</ISIN></FinInstrmId><QtyAndAcctDtls><SttldQty><Qty><Unit>40.5</Unit></Qty>"
    "</SttldQty><PrevslySttldQty><Unit>0</Unit></PrevslySttldQty><RmngToBeSttldQty><FaceAmt>60</FaceAmt>"
    '</RmngToBeSttldQty><PrevslySttldAmt><Amt Ccy="USD">0.00</Amt><CdtDbtInd>DBIT</CdtDbtInd></PrevslySttldAmt>'
    "</QtyAndAcctDtls><SttlmParams><SctiesTxTp><Cd>TRAD</Cd></SctiesTxTp></SttlmParams>"
    '<SttldAmt><Amt Ccy="USD">7761.80</Amt><CdtDbtInd>DBIT</CdtDbtInd></SttldAmt></SctiesSttlmTxConf></Document>'
).encode()
STATUS_ADVICE = (
    f'<Document xmlns="{MessageType.STATUS_ADVICE.namespace}"><SctiesSttlmTxStsAdvc>'
    "<TxId><AcctOwnrTxId>i-1</AcctOwnrTxId></TxId><PrcgSts><PdgPrcg><Rsn><Cd><Cd>LACK</Cd></Cd>"
    "<AddtlRsnInf>by noon</AddtlRsnInf></Rsn></PdgPrcg></PrcgSts><MtchgSts><Mtchd/></MtchgSts>"
    "<SttlmSts><Flng><NoSpcfdRsn>NORE</NoSpcfdRsn></Flng></SttlmSts></SctiesSttlmTxStsAdvc></Document>"
).encode()
CANCELLATION_ADVICE = (
    f'<Document xmlns="{MessageType.CANCELLATION_ADVICE.namespace}"><SctiesTxCxlReqStsAdvc>'
    "<CxlReqRef>i-1</CxlReqRef><TxId><AcctOwnrTxId><SctiesSttlmTxId><TxId>i-1</TxId>"
    "<SctiesMvmntTp>DELI</SctiesMvmntTp><Pmt>APMT</Pmt></SctiesSttlmTxId></AcctOwnrTxId></TxId>"
    "<PrcgSts><Dnd><Rsn><Cd><Cd>DSET</Cd></Cd></Rsn></Dnd></PrcgSts></SctiesTxCxlReqStsAdvc></Document>"
).encode()
CANCELLATION_REQUEST = (
    f'<Document xmlns="{MessageType.CANCELLATION_REQUEST.namespace}"><SctiesTxCxlReq><AcctOwnrTxId><SctiesSttlmTxId>'
    "<TxId>i-1</TxId><SctiesMvmntTp>RECE</SctiesMvmntTp><Pmt>APMT</Pmt></SctiesSttlmTxId></AcctOwnrTxId>"
    "<CxlRsn><Cd><Cd>CANI</Cd></Cd></CxlRsn></SctiesTxCxlReq></Document>"
).encode()
OURS = (
    "<Dpstry><Id><AnyBIC>DTCYUS33XXX</AnyBIC></Id></Dpstry><Pty1><Id><AnyBIC>IRVTUS3N</AnyBIC></Id>"
    "<LEI>5493001KJTIIGC8Y1R12</LEI><SfkpgAcct><Id>SAFE-1</Id></SfkpgAcct></Pty1>"
)
THEIRS = (
    "<Dpstry><Id><AnyBIC>DTCYUS33XXX</AnyBIC></Id></Dpstry><Pty1><Id><AnyBIC>CHASUS33</AnyBIC></Id>"
    "<SfkpgAcct><Id>CP-1</Id></SfkpgAcct></Pty1>"
    "<Pty2><Id><AnyBIC>GSCCUS33XXX</AnyBIC></Id><LEI>5493001KJTIIGC8Y1R17</LEI></Pty2>"
)
INSTRUCTION = (
    f'<Document xmlns="{MessageType.INSTRUCTION.namespace}"><SctiesSttlmTxInstr><TxId>{{instruction_id}}</TxId>'
    "<SttlmTpAndAddtlParams><SctiesMvmntTp>RECE</SctiesMvmntTp><Pmt>APMT</Pmt></SttlmTpAndAddtlParams>"
    "<TradDtls><TradId>t-1</TradId><TradDt><Dt><Dt>2024-06-03</Dt></Dt></TradDt><SttlmDt><Dt><Dt>2024-06-04</Dt></Dt></SttlmDt></TradDtls>"
    "<FinInstrmId><ISIN>US0378331005</ISIN></FinInstrmId><QtyAndAcctDtls><SttlmQty><Qty><Unit>100</Unit></Qty>"
    "</SttlmQty><SfkpgAcct><Id>SAFE-1</Id></SfkpgAcct><CshAcct><Prtry>{account}</Prtry></CshAcct></QtyAndAcctDtls>"
    "<SttlmParams><SctiesTxTp><Cd>TRAD</Cd></SctiesTxTp><PrtlSttlmInd>PART</PrtlSttlmInd></SttlmParams>"
    f"<DlvrgSttlmPties>{THEIRS}</DlvrgSttlmPties><RcvgSttlmPties>{OURS}</RcvgSttlmPties>"
    '<SttlmAmt><Amt Ccy="{currency}">19404.5</Amt><CdtDbtInd>DBIT</CdtDbtInd></SttlmAmt>'
    "</SctiesSttlmTxInstr></Document>"
)
BLANKS = {"instruction_id": "i-1", "account": "CASH-1", "currency": "USD"}
DOCUMENTS = {
    MessageType.CONFIRMATION: CONFIRMATION,
    MessageType.STATUS_ADVICE: STATUS_ADVICE,
    MessageType.CANCELLATION_ADVICE: CANCELLATION_ADVICE,
    MessageType.CANCELLATION_REQUEST: CANCELLATION_REQUEST,
    MessageType.INSTRUCTION: INSTRUCTION.format(**BLANKS).encode(),
}
PIECES = (
    *(
        b"<!--c-->",
        b" ",
        b"\n",
        b"&amp;",
        b"&#65;",
        b"<![CDATA[x]]>",
        b"]]>",
        b"\xc3\xa9",
        b"\xff",
        b"\x00",
        b">",
    ),
    *(b"-", b"+", b".", b"0", b"9", b"1e5", b"2024-02-30", b"2023-02-29", b"0000-01-01", b"2024-13-01", b"Z"),
    *(b"x" * 40, b"9" * 18, b"PARC", b"CRDT", b"US", b'"', b"'", b"<x/>", b"</x>", b"<Unit>1</Unit>", b""),
)


def plain(message: MessageType, document: bytes) -> Component | None:
    guideline = iso20022._plain(message)
    values = guideline.values(document)
    return None if values is None else PlainComponent(guideline.message, values)


def parsed(message: MessageType, document: bytes) -> Component:
    return ParsedComponent(iso20022._valid_root(document, message)[0])


def changed(document: bytes, draw: random.Random) -> bytes:
    """Put a piece in place of a bit of the document, mostly of a value or a name."""
    start = draw.randrange(len(document))
    edges = [place for place, each in enumerate(document) if each in b'<>"/']
    start = draw.choice(edges) + draw.randrange(2) if draw.random() < 0.7 else start
    end = start + draw.choice((0, 0, 1, 2, 4, 10))
    if draw.random() < 0.4:
        end = max(start, document.find(b"<", start))
    return document[:start] + draw.choice(PIECES) + document[end:]


def names_in(document: bytes) -> Iterator[tuple[list[str], etree._Element]]:
    """Yield every element inside the message, with the names that lead to it."""
    message = etree.fromstring(document)[0]
    for element in message.iterdescendants():
        above = [etree.QName(each).localname for each in element.iterancestors()]
        yield [*above[-3::-1], etree.QName(element).localname], element


def said(component: Component, path: list[str], element: etree._Element) -> tuple[Any, ...]:
    for name in path[:-1]:
        component = component.component(name)
    name = path[-1]
    chosen = component.choice(name) if len(element) else None
    money = component.money(name) if any(each.get("Ccy") for each in (element, *element)) else None
    return component.unit(name), component.text(name), component.text_or_none(name), chosen, money


@pytest.mark.parametrize("message", MessageType)
def test_what_systems_write_is_plain_and_says_what_a_parser_finds_in_it(message: MessageType) -> None:
    document = DOCUMENTS[message]
    found, oracle = plain(message, document), parsed(message, document)
    assert found is not None
    for path, element in names_in(document):
        assert said(found, path, element) == said(oracle, path, element), path
    assert plain(message, b'<?xml version="1.0" encoding="UTF-8"?>\n' + document) is not None


@pytest.mark.parametrize("message", MessageType)
def test_what_is_plain_is_valid_however_a_document_is_changed(message: MessageType) -> None:
    draw = random.Random(message.value)
    still_plain = 0
    for _ in range(4000):
        document = changed(DOCUMENTS[message], draw)
        for _ in range(draw.randrange(2)):
            document = changed(document, draw)
        if (found := plain(message, document)) is not None:
            still_plain += 1
            oracle = parsed(message, document)
            for path, element in names_in(document):
                assert said(found, path, element) == said(oracle, path, element), document
    assert 0 < still_plain < 4000


@pytest.mark.parametrize("date", ["2024-02-29", "2024-06-04Z", "2024-06-04+02:00"])
def test_a_valid_document_that_is_not_plain_is_parsed(date: str) -> None:
    document = CONFIRMATION.replace(b"2024-06-04", date.encode())
    assert plain(MessageType.CONFIRMATION, document) is None
    assert iso20022.read(document, MessageType.CONFIRMATION).component("TradDtls").text("SttlmDt") == date


@pytest.mark.parametrize(
    "account",
    [
        *("CASH-1", 'it\'s "one"', "a < b & c > d", "]]>", "&amp;", "Zürich", "{account}", " ", "x" * 34),
        "1</Prtry><Prtry>2",
    ],
)
def test_a_form_says_the_same_whether_it_is_filled_as_text_or_as_a_tree(account: str) -> None:
    form = Form(INSTRUCTION, MessageType.INSTRUCTION)
    values = {**BLANKS, "account": account}
    document = form.filled(values)
    assert document == form._filled_as_tree(values)
    assert (
        iso20022.read(document, MessageType.INSTRUCTION).component("QtyAndAcctDtls").text("CshAcct")
        == account
    )


@pytest.mark.parametrize("account", ["", "x" * 35, "\x00", "\ud800"])
def test_a_form_takes_no_value_that_no_message_can_say(account: str) -> None:
    form = Form(INSTRUCTION, MessageType.INSTRUCTION)
    with pytest.raises(InvalidDocumentError):
        form.filled({**BLANKS, "account": account})


DIGITS = '<totalDigits value="2"/><fractionDigits value="1"/>'


@pytest.mark.parametrize(
    ("base", "facets", "what"),
    [
        ("xs:string", '<minLength value="1"/>', "text"),
        ("xs:string", '<enumeration value="AA"/><maxLength value="1"/>', "text"),
        ("xs:string", '<pattern value="\\w"/>', "text"),
        ("xs:decimal", '<maxInclusive value="1"/>', "number"),
        ("xs:decimal", DIGITS + '<minInclusive value="1"/>', "number"),
        ("xs:date", '<minInclusive value="2024-01-01"/>', "date"),
    ],
)
def test_a_guideline_that_says_more_than_is_understood_makes_no_expression(
    base: str, facets: str, what: str
) -> None:
    schema = etree.fromstring(
        '<schema xmlns="http://www.w3.org/2001/XMLSchema"><element name="Document" type="Document"/>'
        '<complexType name="Document"><sequence><element name="A" type="A"/></sequence></complexType>'
        f'<simpleType name="A"><restriction base="{base}">{facets}</restriction></simpleType></schema>'
    )
    with pytest.raises(NotImplementedError, match=what):
        PlainGuideline(schema, "urn:x")


@pytest.mark.parametrize("occurs", ['maxOccurs="2"', 'maxOccurs="unbounded"', 'minOccurs="2" maxOccurs="2"'])
def test_a_guideline_that_repeats_an_element_makes_no_expression(occurs: str) -> None:
    schema = etree.fromstring(
        '<schema xmlns="http://www.w3.org/2001/XMLSchema"><element name="Document" type="Document"/>'
        f'<complexType name="Document"><sequence><element name="A" type="A" {occurs}/></sequence></complexType>'
        '<simpleType name="A"><restriction base="xs:date"/></simpleType></schema>'
    )
    with pytest.raises(NotImplementedError, match="more than once"):
        PlainGuideline(schema, "urn:x")
