"""Wrong values are ValueErrors, as callers of scikit-learn and NumPy expect, and keep their own message on the way."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import modnet
from modnet import ConfigError, DataError, ModelFileError, ModnetError, Trainer
from modnet.data.files import open_binary
from modnet.storage.atomic import file_errors, write_errors


def test_wrong_values_are_value_errors() -> None:
    with pytest.raises(ValueError, match=r"^epochs: -1 should be greater than or equal to 0$"):
        Trainer.from_config({"epochs": -1})
    with pytest.raises(ValueError, match=r"^training x: "):
        Trainer.from_config({"epochs": 1}).fit(np.full((4, 2), np.nan), [0, 1, 0, 1])
    assert issubclass(ConfigError, ModnetError)
    assert issubclass(DataError, ModnetError)
    assert not issubclass(ModelFileError, ValueError)


@pytest.mark.skipif(os.name == "nt", reason="/dev/null is of Unix")
def test_an_error_of_ours_is_no_reason_within_another() -> None:
    with pytest.raises(ConfigError, match=r"^/dev/null: is no regular file, and nothing is in it$"):
        modnet.load_config("/dev/null")
    with pytest.raises(DataError, match=r"^/dev/null: is not a regular file$"):
        open_binary(Path("/dev/null"))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_binary(tmp_path)
    assert str(caught.value) == f"{tmp_path}: is a folder; a file is expected"


@pytest.mark.parametrize("error", [DataError("x: has no rows"), ConfigError("epochs: 0 is too few")])
def test_writing_passes_on_what_is_wrong_with_values(error: ModnetError) -> None:
    with pytest.raises(type(error)) as caught, write_errors("--out a"):
        raise error
    assert caught.value is error


def test_reading_passes_on_data_and_says_which_file_has_a_wrong_configuration() -> None:
    data = DataError("a.csv: cannot be read")
    with pytest.raises(DataError) as caught, file_errors("b", "cannot be used"):
        raise data
    assert caught.value is data
    with (
        pytest.raises(ModelFileError, match=r"^b: cannot be used: epochs: 0 is too few$"),
        file_errors("b", "cannot be used"),
    ):
        raise ConfigError("epochs: 0 is too few")
