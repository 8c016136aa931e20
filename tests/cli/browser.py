"""Chromium without a window, spoken to over a pipe in its DevTools protocol: what a page looks like, and says."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FIRST = 10
"""Descriptors from here on do not get into the way of 3 and 4, on which Chromium listens and speaks."""


def executable() -> str:
    """Return where Chromium is; a machine without it cannot pass the tests that need it."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, f"a browser is needed to look at pages: one of {', '.join(NAMES)} (Debian: apt-get install chromium)"
    return found


class Browser:
    """One page of a browser.

    Attributes:
        requests: The addresses that the page has asked for since it was opened.
        messages: What it has written to its console, and what the browser has logged about it.
    """

    def __init__(self, commands: Any, answers: Any) -> None:
        self._commands, self._answers = commands, answers
        self._number = 0
        self._session: str | None = None
        self._events: list[str] = []
        self.requests: list[str] = []
        self.messages: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        self._commands.flush()
        while (answer := self._take()).get("id") != self._number:
            pass
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def open(self, page: Path, width: int, height: int = 900, scheme: str = "light") -> None:
        """Open a page in a window of this size, for a reader who prefers light or dark colours, and wait for it."""
        self.requests, self.messages, self._events = [], [], []
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Page.navigate", url=page.as_uri())
        while "Page.loadEventFired" not in self._events:
            self._take()

    def value(self, expression: str) -> Any:
        """Return what a JavaScript expression gives in the page, whatever the page's own policy is."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def screenshot(self, path: Path) -> None:
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        taken = self.ask("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    def _take(self) -> dict[str, Any]:
        content = bytearray()
        while (letter := self._answers.read(1)) != b"\0":
            assert letter, "the browser has ended"
            content += letter
        message: dict[str, Any] = json.loads(content)
        method, said = message.get("method", ""), message.get("params", {})
        self._events.append(method)
        if method == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])
        elif method == "Runtime.consoleAPICalled":
            self.messages.append(str(said["args"]))
        elif method == "Runtime.exceptionThrown":
            self.messages.append(str(said["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.messages.append(f"{said['entry']['level']}: {said['entry']['text']}")
        return message


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start Chromium with a profile of its own, and end it."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    theirs = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, _FIRST) for descriptor in (theirs_in, theirs_out)]
    for descriptor in (theirs_in, theirs_out):
        os.close(descriptor)
    options = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
        "--remote-debugging-pipe", f"--user-data-dir={profile}",
    ]  # fmt: skip
    process = subprocess.Popen(
        ["/bin/bash", "-c", f'exec "$0" "$@" 3<&{theirs[0]} 4>&{theirs[1]}', executable(), *options],
        pass_fds=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for descriptor in theirs:
        os.close(descriptor)
    with os.fdopen(ours_out, "wb") as commands, os.fdopen(ours_in, "rb") as answers:
        try:
            yield Browser(commands, answers)
        finally:
            process.terminate()
            process.wait(20)
