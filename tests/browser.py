"""Headless Chromium, driven over its own protocol: what a page shows, and whom it asked."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
PATIENCE_SECONDS = 60


class Page:
    """One tab; `asked` are the addresses of every request that it and its frames made."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._number = socket, 0
        self.asked: list[str] = []
        for domain in ("Page", "Network", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE_SECONDS))
            self._note(message)
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return found["result"].get("value")

    def until(self, script: str) -> Any:
        """The expression's value once it is true."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (value := self.run(script)):
            assert time.monotonic() < deadline, f"{script} never became true"
            time.sleep(0.1)
        return value

    def click(self, element: str) -> None:
        """Press the mouse on an element, once it is there, stands still and nothing covers it."""
        place = f"""(() => {{
            const element = {element};
            element?.scrollIntoView({{block: 'center'}});
            const {{x, y, width, height}} = element?.getBoundingClientRect() ?? {{}};
            const [left, top] = [x + width / 2, y + height / 2];
            const found = element && document.elementFromPoint(left, top);
            return found && element.contains(found) ? [left, top] : null;
        }})()"""
        deadline, before = time.monotonic() + PATIENCE_SECONDS, None
        while (now := self.run(place)) is None or now != before:
            assert time.monotonic() < deadline, f"{element} could not be clicked"
            before = now
            time.sleep(0.1)
        for what in ("mousePressed", "mouseReleased"):
            mouse = {"x": now[0], "y": now[1], "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=what, **mouse)

    def write(self, element: str, text: str) -> None:
        """Type a text in place of what an input holds."""
        self.click(element)
        self.run(f"{element}.select()")
        self.call("Input.insertText", text=text)

    def press(self, key: str, code: int) -> None:
        """Press a key that writes nothing."""
        for what in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=what, key=key, windowsVirtualKeyCode=code)

    def picture(self, path: Path) -> None:
        """Keep what is to be seen."""
        found = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(found["data"]))

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Network.requestWillBeSent":
            self.asked.append(message["params"]["request"]["url"])


@contextmanager
def browser(profile: Path, *, javascript: bool = True) -> Iterator[Page]:
    """A tab of a browser without a window."""
    command = [
        *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
        *(
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--remote-debugging-port=0",
        ),
        *("--window-size=1400,1000", f"--user-data-dir={profile}", "about:blank"),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            port_file = profile / "DevToolsActivePort"
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not port_file.exists() or len(port_file.read_text().splitlines()) < 2:
                assert process.poll() is None
                assert time.monotonic() < deadline, "Chromium did not start"
                time.sleep(0.05)
            port, address = port_file.read_text().splitlines()
            with connect(f"ws://127.0.0.1:{port}{address}", max_size=None) as root:
                root.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
                tabs = json.loads(root.recv())["result"]["targetInfos"]
                tab = next(tab["targetId"] for tab in tabs if tab["type"] == "page")
            address = f"ws://127.0.0.1:{port}/devtools/page/{tab}"
            # What a page tells may wait until somebody asks it for more.
            patient: dict[str, Any] = {"max_size": None, "max_queue": None, "ping_interval": None}
            with connect(address, **patient) as socket:
                page = Page(socket)
                if not javascript:
                    page.call("Emulation.setScriptExecutionDisabled", value=True)
                yield page
        finally:
            process.kill()
