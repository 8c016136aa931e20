"""The page "Faster, bigger": its commands are run, under Open MPI where that is installed, and its files checked."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import modnet
from modnet_jax import JaxEngine

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "faster.md"


def snippets() -> Any:
    """Return the module that runs pages."""
    found = importlib.util.spec_from_file_location("snippets", ROOT / "tests" / "docs" / "test_snippets.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["snippets"] = module  # its dataclasses look for it
    found.loader.exec_module(module)
    return module


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snippets().run_page(ROOT / "docs" / "faster.md", tmp_path, monkeypatch, installed="plugins/modnet-jax")
    big, by_hand = (rows_of(tmp_path / "reader" / "runs" / name) for name in ("big", "by-hand"))
    assert len(big) == 6
    for ours, theirs in zip(big, by_hand, strict=True):  # Open MPI gives each process one core
        assert ours == pytest.approx(theirs, rel=1e-5)
    with pytest.raises(modnet.ModelFileError, match="was written with processes 2, here it is 1"):
        modnet.Trainer.resume(tmp_path / "reader" / "runs" / "big", epochs=7)
    script = tmp_path / "reader" / "train.slurm"
    bash = shutil.which("bash")
    assert bash is not None
    subprocess.run([bash, "-n", script], check=True)
    wanted = {"--nodes", "--ntasks-per-node", "--time", "--signal"}
    assert wanted <= set(re.findall(r"^#SBATCH (--[\w-]+)=", script.read_text(), re.MULTILINE))


def rows_of(run: Path) -> list[dict[str, Any]]:
    """Return the history of a run without its seconds."""
    rows = map(json.loads, (run / "history.jsonl").read_text().splitlines())
    return [{**row, "seconds": 0} for row in rows]


def test_the_manifest_has_what_its_pods_need() -> None:
    (text,) = [block.code for block in snippets().blocks_of(PAGE) if block.language == "yaml"]
    service, job = yaml.safe_load_all(text)
    assert (service["apiVersion"], service["kind"]) == ("v1", "Service")
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert service["spec"]["selector"] == {"batch.kubernetes.io/job-name": job["metadata"]["name"]}
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"]
    assert (pod["subdomain"], pod["restartPolicy"]) == (service["metadata"]["name"], "Never")
    (container,) = pod["containers"]
    (setting,) = [word for word in container["command"] if word.startswith("engine=")]
    engine = modnet.load_config(None, [setting]).engine
    assert isinstance(engine, JaxEngine)
    assert engine.processes == spec["completions"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
