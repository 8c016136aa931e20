"""Which process of how many: by options, and under Open MPI, SLURM and Kubernetes by their variables."""

from __future__ import annotations

import os
from typing import Any

import pytest

from modnet import ConfigError
from modnet.engines.processes.cluster import FIRST_PORT, KUBERNETES_PORT, PORTS, Place, find_place

OPEN_MPI = {
    "OMPI_COMM_WORLD_SIZE": "4",
    "OMPI_COMM_WORLD_RANK": "2",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "4",
    "PMIX_NAMESPACE": "1806761985",
}
SLURM = {"SLURM_JOB_ID": "4711", "SLURM_STEP_ID": "0", "SLURM_NTASKS": "8", "SLURM_PROCID": "5"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in os.environ:
        if name.startswith(("OMPI_", "PMIX_", "SLURM_", "JOB_COMPLETION")):
            monkeypatch.delenv(name)
    return monkeypatch


def place(environment: pytest.MonkeyPatch, variables: dict[str, str], *options: Any) -> Place | None:
    for name, value in variables.items():
        environment.setenv(name, value)
    return find_place(*(options or (None, None, None)))


def test_without_options_a_process_is_alone() -> None:
    assert find_place(None, None, None) is None
    assert find_place(None, 1, None) is None


@pytest.mark.parametrize(
    ("coordinator", "host"), [("node1:61000", "node1"), ("10.0.0.1:61000", "10.0.0.1"), ("[fe80::1]:61000", "fe80::1")]
)
def test_options(coordinator: str, host: str) -> None:
    assert find_place(coordinator, 3, 2) == Place(host, 61000, 3, 2)


def test_open_mpi_on_one_machine_stays_on_it(environment: pytest.MonkeyPatch) -> None:
    found = place(environment, OPEN_MPI)
    assert found is not None
    assert (found.host, found.count, found.index) == ("127.0.0.1", 4, 2)
    assert FIRST_PORT <= found.port < FIRST_PORT + PORTS
    other = place(environment, {"PMIX_NAMESPACE": "1806761986", "OMPI_COMM_WORLD_RANK": "0"})
    assert other is not None
    assert other.port != found.port


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("1806761984.0;tcp://10.96.0.1,10.148.0.1:34911;tcp6://[fd00::2]:36711", "10.96.0.1"),
        ("1314521088.0;tcp6://[fe80::b9b:ac5d,2620:10d::2]:43370", "fe80::b9b:ac5d"),
    ],
)
def test_open_mpi_on_several_machines_begins_where_mpirun_runs(
    environment: pytest.MonkeyPatch, uri: str, host: str
) -> None:
    found = place(environment, {**OPEN_MPI, "OMPI_COMM_WORLD_LOCAL_SIZE": "2", "OMPI_MCA_orte_hnp_uri": uri})
    assert found is not None
    assert found.host == host


def test_open_mpi_of_one_process_is_alone(environment: pytest.MonkeyPatch) -> None:
    assert place(environment, {**OPEN_MPI, "OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"}) is None


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("node001", "node001"),
        ("node001,host2", "node001"),
        ("node[001-0015],host2", "node001"),
        ("node[001,007-015],host2", "node001"),
        ("rack1-node[07-09]", "rack1-node07"),
    ],
)
def test_slurm_begins_on_the_first_node(environment: pytest.MonkeyPatch, nodes: str, first: str) -> None:
    found = place(environment, {**SLURM, "SLURM_STEP_NODELIST": nodes})
    assert found is not None
    assert (found.host, found.count, found.index) == (first, 8, 5)
    assert FIRST_PORT <= found.port < FIRST_PORT + PORTS


def test_slurm_on_one_node_stays_on_it(environment: pytest.MonkeyPatch) -> None:
    found = place(environment, {**SLURM, "SLURM_STEP_NODELIST": "node7", "SLURM_STEP_NUM_NODES": "1"})
    assert found is not None
    assert found.host == "127.0.0.1"


def test_the_script_that_sbatch_starts_is_no_process_of_a_step(environment: pytest.MonkeyPatch) -> None:
    assert place(environment, {**SLURM, "SLURM_PROCID": "0"}) is None


def test_kubernetes_where_the_number_of_processes_is_said(environment: pytest.MonkeyPatch) -> None:
    environment.setattr("socket.getfqdn", lambda name: f"{name}.workers.default.svc.cluster.local")
    variables = {"JOB_COMPLETION_INDEX": "3", "HOSTNAME": "digits-3"}
    assert place(environment, variables) is None  # pods of a job may well be trainings of their own
    found = place(environment, variables, None, 4, None)
    assert found == Place("digits-0.workers.default.svc.cluster.local", KUBERNETES_PORT, 4, 3)


def test_options_come_before_what_the_environment_says(environment: pytest.MonkeyPatch) -> None:
    assert place(environment, OPEN_MPI, "node9:700", None, None) == Place("node9", 700, 4, 2)
    assert place(environment, OPEN_MPI, "node9:700", 8, 7) == Place("node9", 700, 8, 7)
    assert place(environment, OPEN_MPI, None, 1, None) is None


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((None, 2, 0), "engine.coordinator: is missing with engine.processes = 2; this is no process of Open MPI, "),
        (("node1:1", 2, None), "engine.process: is missing with engine.processes = 2; this is no process of "),
        (("node1:1", None, None), "engine.coordinator: needs engine.processes, how many there are"),
        ((None, None, 1), "engine.process: needs engine.processes, how many there are"),
        (("node1:1", 2, 2), "engine.process: 2 should be less than engine.processes = 2"),
        (
            ("node1", 2, 1),
            "engine.coordinator: 'node1' should be the host and a port of process 0, as in 'node1:61000'",
        ),
        (("node1:0", 2, 1), "engine.coordinator: 'node1:0' should be"),
        (("node1:x", 2, 1), "engine.coordinator: 'node1:x' should be"),
        ((":61000", 2, 1), "engine.coordinator: ':61000' should be"),
        (("node1:65536", 2, 1), "engine.coordinator: 'node1:65536' should be"),
    ],
)
def test_what_is_refused(options: Any, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        find_place(*options)
    assert str(refused.value).startswith(problem)
