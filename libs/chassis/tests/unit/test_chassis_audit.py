"""What an entry's bytes are, what is masked in it, and who can sign it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated

import pytest
from pydantic import BaseModel, ValidationError

from backoffice_chassis import (
    Permission,
    Principal,
    Role,
    Router,
    ServiceSettings,
    Unit,
    audits,
    reads_only,
    requires,
)
from backoffice_chassis.audit.canonical import canonical, digest, plain
from backoffice_chassis.audit.entries import moment
from backoffice_chassis.audit.keys import ENTRY, HEAD, Signer, is_signed
from backoffice_chassis.audit.masking import MASKED
from backoffice_chassis.key_text import new_seed

pytestmark = pytest.mark.unit


class Amount(BaseModel):
    amount: Decimal


def test_a_document_has_one_form_whatever_the_order_of_its_fields() -> None:
    assert canonical({"b": "ü\n", "a": {"d": None, "c": [1, True]}}) == (
        b'{"a":{"c":[1,true],"d":null},"b":"\xc3\xbc\\n"}'
    )


def test_amounts_and_dates_are_texts() -> None:
    stated = {"model": Amount(amount=Decimal("1.50")), "day": date(2024, 6, 3), "amount": Decimal("0.10")}
    assert plain(stated) == {"model": {"amount": "1.50"}, "day": "2024-06-03", "amount": "0.10"}


def test_a_fraction_that_a_machine_rounds_has_no_place_in_an_entry() -> None:
    with pytest.raises(TypeError, match="as Decimal"):
        plain({"prices": [{"amount": 0.1}]})


def test_a_digest_of_records_depends_on_each_of_them() -> None:
    records = [
        {"isin": "US0378331005", "price": Decimal("1.5")},
        {"isin": "US5949181045", "price": Decimal(2)},
    ]
    assert digest(records) == digest([dict(each) for each in records])
    assert digest(records) != digest(records[:1]) != digest([])


def test_times_are_utc_to_the_microsecond() -> None:
    assert moment(datetime(2024, 6, 3, 9, 30, tzinfo=UTC)) == "2024-06-03T09:30:00.000000Z"


@pytest.mark.parametrize("name", sorted(MASKED))
def test_what_is_personal_is_masked_at_any_depth(name: str) -> None:
    masks = Signer(new_seed()).masks
    masked = masks.apply({"rows": [{name: "Ada"}], "other": "Ada"})
    assert masked["other"] == "Ada"
    assert masked["rows"][0][name].startswith("masked:")
    assert "Ada" not in masked["rows"][0][name]


def test_a_mask_tells_that_a_value_changed_and_not_what_it_is() -> None:
    masks, others = Signer(new_seed()).masks, Signer(new_seed()).masks
    ada, grace = ({"given_name": name} for name in ("Ada", "Grace"))
    assert masks.apply(ada) == masks.apply(ada) != masks.apply(grace)
    assert masks.apply(ada) != others.apply(ada)
    assert masks.apply({"given_name": None}) == {"given_name": None}


def test_a_signature_holds_for_its_key_its_kind_and_its_bytes_alone() -> None:
    signer, other = Signer(new_seed()), Signer(new_seed())
    signature = signer.sign(ENTRY, b"data")
    assert is_signed(signer.public_key, signature, ENTRY, b"data")
    assert not is_signed(other.public_key, signature, ENTRY, b"data")
    assert not is_signed(signer.public_key, signature, HEAD, b"data")
    assert not is_signed(signer.public_key, signature, ENTRY, b"date")
    assert not is_signed("no key", signature, ENTRY, b"data")
    assert not is_signed(signer.public_key, "", ENTRY, b"data")


@pytest.mark.parametrize("key", ["", "c2hvcnQ=", "not base64"])
def test_a_key_that_is_no_key_is_refused_without_being_told(key: str) -> None:
    with pytest.raises(ValidationError, match="32 random bytes") as refused:
        ServiceSettings(database_url="postgresql://a/b", issuer_url="http://issuer", audit_key=key)
    assert not key or key not in refused.value.json(include_input=False)


def test_a_route_that_changes_something_says_what_it_records() -> None:
    router = Router()
    officer = Annotated[Principal, requires(Permission("change-things", Role.OPERATIONS))]

    async def change(unit: Unit, _: officer) -> None:
        """Change something."""

    for method in ("post", "put", "patch", "delete"):
        with pytest.raises(TypeError, match="says not what it records"):
            getattr(router, method)("/things")(change)
    router.get("/things")(change)
    router.post("/things/search", dependencies=[reads_only])(change)
    router.post("/things", dependencies=[audits("thing")])(change)
