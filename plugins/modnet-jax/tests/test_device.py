"""Which device computes, and with which settings; those of the process stay as they are."""

from __future__ import annotations

import logging
import threading
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from trained import agree, bits, fit

from modnet import Activation, ConfigError, Trainer
from modnet.core import messages
from modnet_jax.device import Device


@pytest.mark.parametrize("device", ["gpu", "tpu:1", "cpu:7", "abacus"])
def test_a_device_that_is_not_there_is_told_with_what_there_is(data: Any, device: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fit(data, {"kind": "jax", "device": device})
    more = "; for NVIDIA's GPUs: pip install 'jax[cuda13]'" if device == "gpu" else ""
    assert str(caught.value) == f"engine.device: there is no '{device}' here; JAX has cpu:0{more}"


@pytest.mark.parametrize("device", ["cpu", "cpu:0", "auto"])
def test_a_device_is_named(data: Any, device: str) -> None:
    assert bits(fit(data, {"kind": "jax", "device": device})) == bits(fit(data))


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("device", "", "engine.device: '' should match"),
        ("device", "cpu:-1", "engine.device: 'cpu:-1' should match"),
        ("precision", "half", "engine.precision: 'half'"),
        ("device_memory", 0, "engine.device_memory: 0"),
        ("device_memory", "much", "engine.device_memory: 'much'"),
        ("cache", "", "engine.cache: ''"),
        ("thread", 1, "engine.thread: unknown option"),
    ],
)
def test_a_wrong_option_is_one_line(option: str, value: Any, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Trainer.from_config({"engine": {"kind": "jax", option: value}})
    assert str(caught.value).startswith(problem)
    assert "\n" not in str(caught.value)


def test_no_setting_of_the_process_is_changed(data: Any) -> None:
    before = dict(jax.config.values)
    seen = []

    def look(training: Any, row: Any) -> None:
        del training, row
        seen.append(jnp.ones(3).dtype)

    fit(data, callbacks_given=[look])
    assert jax.config.values == before
    assert seen == [jnp.float32] * 2
    assert jnp.arange(3.0).dtype == jnp.float32


class Mixes(Activation):
    """Numbers times truth values, as NumPy allows."""

    kind: Literal["mixes"] = "mixes"

    def __call__(self, z: Any) -> Any:
        return z * (z > 0.0)

    def backward(self, upstream: Any, z: Any, a: Any) -> Any:
        del a
        return upstream * (z > 0.0)


def test_settings_of_the_process_change_nothing(data: Any, caplog: pytest.LogCaptureFixture) -> None:
    layers = [{"kind": "dense", "units": 4, "activation": Mixes()}, {"kind": "dropout", "rate": 0.3}, 2]
    expected = bits(fit(data, layers=layers))
    settings = (
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
        jax.threefry_partitionable(False),
    )
    with settings[0], settings[1], settings[2], jax.default_matmul_precision("bfloat16"), jax.disable_jit():
        assert bits(fit(data, layers=layers)) == expected
    assert caplog.records == []


def test_it_trains_in_any_thread(data: Any) -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(bits(fit(data))))
    thread.start()
    thread.join()
    assert found == [bits(fit(data))]


def test_the_fingerprint_names_what_the_bits_depend_on() -> None:
    fingerprint = Device.find("auto").fingerprint
    assert fingerprint["device"] == "cpu"
    assert fingerprint["jax"] == jax.__version__
    assert fingerprint.keys() == {"jax", "jaxlib", "device", "instructions", "cores", "precision", "deterministic"}


def test_a_gpu_is_told_to_repeat_its_bits() -> None:
    class Gpu:
        platform = "gpu"

    assert Device(Gpu(), "full", deterministic=True).compiler_options == {"xla_gpu_deterministic_ops": True}
    assert Device(Gpu(), "full", deterministic=False).compiler_options == {}
    assert Device.find("cpu").compiler_options == {}


@pytest.mark.parametrize(("precision", "expected"), [("full", "HIGHEST"), ("fast", "DEFAULT")])
def test_products_are_as_exact_as_was_asked_for(precision: str, expected: str) -> None:
    with Device.find("cpu", precision=precision).settings():
        text = jax.jit(lambda x: x @ x).lower(np.ones((3, 3), np.float32)).as_text()
    assert f"precision = [{expected}, {expected}]" in text


def test_numbers_of_strangers_stay_single(data: Any) -> None:
    agree(data, 1e-4, dtype="float32", rule="adam", regularizers=["l1", "l2"])


def test_what_jax_says_of_devices_is_one_line(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = jax.local_devices()

    def look() -> Any:
        logging.getLogger("jax._src.xla_bridge").warning("A GPU may be present,\n but jaxlib has no support of it.")
        return found

    monkeypatch.setattr(jax, "local_devices", look)
    messages.warn_once.cache_clear()
    assert Device.find("auto").device == found[0]
    assert capsys.readouterr().err == (
        "modnet: engine.device: JAX says: A GPU may be present, but jaxlib has no support of it.\n"
    )
    assert caplog.records == []


def test_a_jax_that_is_too_old_is_one_line(data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(jax, "enable_x64")
    monkeypatch.setattr(jax, "__version__", "0.7.2")
    with pytest.raises(ConfigError, match=r"^engine: JAX 0\.7\.2 is too old; modnet-jax needs 0\.10\.2 or later$"):
        fit(data)


@pytest.mark.parametrize("text", ["RESOURCE_EXHAUSTED: of all bytes", "INTERNAL: a fault"])
def test_too_little_memory_is_one_line(data: Any, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    def fail(*_: Any) -> Any:
        raise jax.errors.JaxRuntimeError(text)

    monkeypatch.setattr(jax, "device_put", fail)
    is_memory = text.startswith("RESOURCE")
    with pytest.raises(ConfigError if is_memory else jax.errors.JaxRuntimeError) as caught:
        fit(data)
    assert not is_memory or str(caught.value).endswith(
        " has too little memory for the training; engine.device_memory keeps fewer samples there"
    )
