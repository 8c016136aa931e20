"""Checks the component with modnet's conformance kit, and that its name finds it."""

from modnet.testing import parametrize_checks

from MODULE import CLASS


@parametrize_checks(CLASS)
def test_it_conforms(check):
    check()


def test_modnet_finds_it():
    assert isinstance(CLASS.resolve("NAME:KIND"), CLASS)
