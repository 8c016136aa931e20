"""What a wheel of modnet contains."""

from __future__ import annotations

from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[1]


def test_the_wheel_has_every_file_of_the_package() -> None:
    package = ROOT / "src" / "modnet"
    files = {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    included = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert {"modnet/cli/plugins/templates/README.md", "modnet/py.typed"} <= files
    assert files <= included
