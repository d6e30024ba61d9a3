"""The chassis' names are loaded when they are asked for; each of them is there."""

import pytest

import backoffice_chassis

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", backoffice_chassis.__all__)
def test_every_name_that_the_chassis_declares_is_there(name: str) -> None:
    assert getattr(backoffice_chassis, name) is not None
