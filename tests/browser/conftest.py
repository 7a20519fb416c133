"""A real browser, and JupyterLab as a person finds it: on this machine only, with settings of its own.

Fixtures for the tests in this folder:

`page`      a Playwright page, the same for all tests: a new one starts a process, which takes longer than most of them. Every
            request that it makes is recorded, and the test fails if one leaves this machine.
`lab`       the address of a running JupyterLab, which serves copies of the notebooks without their outputs.
`notebook`  opens a notebook of the lab and waits for its kernel: ``opened = notebook("05_interleave_group_convolutions")``.
            `opened.run_all()` runs all cells and waits for the end; `opened.problems()` lists what went wrong, and
            `opened.cells`, `opened.outputs` and `opened.page` are where to look for the rest.
`site`      the folder of the site, built for these tests.
`untypeset` called before `visit`: formulas stay as they are written.
`visit`     opens a page of it from its file; a complaint in the console, or a request for anything but a file, fails the test.

Without Playwright or Chromium these tests are skipped, except in CI, which installs both.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import nbformat
import pytest

from tools.files import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize

PATIENCE = 60_000
"""Milliseconds that a person's next step may take to be possible; machines that run tests can be slow."""

LONGEST_RUN = 300_000
"""Milliseconds that all cells of a notebook may take."""

SCREEN: ViewportSize = {"width": 1280, "height": 900}

FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--process-per-site",  # pages of one site need not each start a process
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # a request that tries to leave is seen, and gets nowhere
]

SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # every cell is in the page, seen or not
}


MATHJAX = ROOT / ".make" / "npm" / "node_modules" / "mathjax" / "es5" / "tex-svg.js"
"""As `make site` fetches it."""


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it in CI, where a browser is promised."""
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(reason)


def leaves_this_machine(url: str) -> bool:
    """Return whether a request for `url` needs another host."""
    parts = urlsplit(url)
    return parts.scheme not in {"about", "blob", "data", "file"} and parts.hostname not in {"127.0.0.1", "localhost"}


def installed_browser() -> str | None:
    """Return the program of the first browser of this kind that is installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if find_spec("playwright") is None:
        unavailable("Playwright is not installed: pip install -e '.[browser]'")
    program = installed_browser()
    if program is None:
        unavailable("Chromium is not installed: apt-get install chromium")
    with chromium(program) as browser:
        yield browser


@contextmanager
def chromium(program: str) -> Iterator[Browser]:
    """Lend a browser that does nothing of its own accord."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        sandbox = os.geteuid() != 0  # Chromium refuses its sandbox to root
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS, chromium_sandbox=sandbox)
        yield browser
        browser.close()


def watched(context: BrowserContext) -> list[str]:
    """Return a list to which every address that the pages of `context` ask for will be added."""
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    context.on("page", lambda page: page.on("websocket", lambda websocket: asked.append(websocket.url)))
    return asked


@pytest.fixture(scope="session")
def context(browser: Browser) -> Iterator[tuple[BrowserContext, list[str]]]:
    """Return a context with what its pages ask for; one for all tests, so that JupyterLab is read and compiled once."""
    context = browser.new_context(viewport=SCREEN)
    yield context, watched(context)
    context.close()


@pytest.fixture(scope="session")
def tab(context: tuple[BrowserContext, list[str]]) -> Iterator[Page]:
    with fresh_page(*context) as page:
        yield page


@pytest.fixture
def page(tab: Page, context: tuple[BrowserContext, list[str]]) -> Iterator[Page]:
    """The page for all tests, with nothing left of what the test before did to it."""
    tab.unroute_all()
    tab.set_viewport_size(SCREEN)
    tab.emulate_media(media="screen", color_scheme="light")
    asked = context[1]
    asked.clear()
    yield tab
    assert [url for url in asked if leaves_this_machine(url)] == []


@contextmanager
def fresh_page(context: BrowserContext, asked: list[str]) -> Iterator[Page]:
    """Lend a page; fail if it asked another machine for something."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    asked.clear()
    yield page
    page.close()
    assert [url for url in asked if leaves_this_machine(url)] == []


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def without_outputs(text: str) -> str:
    """Return a notebook as one that was never run, so that what is seen later comes from the run."""
    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    written: str = nbformat.writes(notebook)
    return written


def write_checkout(folder: Path) -> None:
    """Copy what the notebooks need to find beside them."""
    (folder / "notebooks").mkdir()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        text = without_outputs(path.read_text(encoding="utf-8"))
        (folder / "notebooks" / path.name).write_text(text, encoding="utf-8")


def own_settings(folder: Path) -> dict[str, str]:
    """Return the environment in which Jupyter reads and writes below `folder` only."""
    for name, values in SETTINGS.items():
        path = folder / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
        "MPLCONFIGDIR": "matplotlib",
    }
    kept = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    return {**kept, **{name: str(folder / place) for name, place in places.items()}}


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    url: str
    token: str
    notebooks: Path

    def ask(self, path: str, method: str = "GET") -> bytes:
        """Return the server's answer to a request of its REST interface."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}/api/{path}", headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            body: bytes = answer.read()
            return body

    def shut_kernels_down(self) -> None:
        for session in json.loads(self.ask("sessions")):
            self.ask(f"sessions/{session['id']}", "DELETE")


@pytest.fixture(scope="session")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    write_checkout(folder)
    with running_lab(folder) as lab:
        yield lab


@contextmanager
def running_lab(folder: Path) -> Iterator[Lab]:
    """Lend a JupyterLab that serves the notebooks of `folder`."""
    lab = Lab(f"http://127.0.0.1:{(port := free_port())}", secrets.token_hex(16), folder / "notebooks")
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--notebook-dir={lab.notebooks}"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        *(f"--IdentityProvider.token={lab.token}", "--LabApp.news_url=None", "--LabApp.extension_manager=readonly"),
        "--LabApp.expose_app_in_browser=True",
    ]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, env=own_settings(folder), stdout=log, stderr=log, cwd=folder)
        try:
            wait_for(lab, server, folder / "log")
            yield lab
            lab.shut_kernels_down()
        finally:
            server.terminate()
            server.wait(timeout=30)


def wait_for(lab: Lab, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return as soon as the server answers; fail with its log if it ends or never does."""
    for _ in range(PATIENCE // 200):
        if server.poll() is not None:
            break
        try:
            lab.ask("status")
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text('utf-8')[-2000:]}")


@dataclass(frozen=True)
class OpenNotebook:
    """A notebook on the screen, its kernel ready."""

    page: Page
    cells: Locator

    @property
    def outputs(self) -> Locator:
        """What the code cells have shown so far."""
        return self.cells.locator(".jp-OutputArea-output")

    def run_all(self) -> None:
        """Run all cells from the menu, and wait until the last has run or one has failed."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.page.wait_for_function(HAS_RUN, timeout=LONGEST_RUN)

    def wait_until_idle(self) -> None:
        """Wait until the kernel has nothing to do: after a slider was moved, say."""
        self.page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for()

    def problems(self) -> list[str]:
        """Return the text of every output that reports an error or a warning; JupyterLab marks both alike."""
        texts: list[str] = self.cells.locator('[data-mime-type="application/vnd.jupyter.stderr"]').all_inner_texts()
        return texts


# Some cell has run and none waits: either all have run, or the kernel has stopped at one that failed.
HAS_RUN = """() => {
  const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")].map(prompt => prompt.innerText.trim());
  const idle = document.querySelector("#jp-main-statusbar").innerText.includes("| Idle");
  return idle && !prompts.includes("[*]:") && prompts.some(prompt => /^\\[\\d+\\]:$/.test(prompt));
}"""


CLOSE_ALL = """() => { for (const widget of [...window.jupyterapp.shell.widgets("main")]) {
  if (widget.context?.model) widget.context.model.dirty = false  // else JupyterLab would ask whether to save
  widget.close()
} }"""


@pytest.fixture(scope="session")
def desk(context: tuple[BrowserContext, list[str]], lab: Lab) -> Iterator[Page]:
    """The page in which the lab's notebooks are opened one after the other: JupyterLab itself takes longer to load than most."""
    with fresh_page(*context) as page:
        yield page
        page.goto("about:blank")  # else JupyterLab would ask about the kernels that go away


@pytest.fixture
def notebook(
    desk: Page, context: tuple[BrowserContext, list[str]], lab: Lab
) -> Iterator[Callable[[str], OpenNotebook]]:
    yield lambda name: opened(name, desk, lab)
    leave(desk, lab)
    assert [url for url in context[1] if leaves_this_machine(url)] == []


def opened(name: str, page: Page, lab: Lab) -> OpenNotebook:
    """Open a notebook of the lab and wait for its kernel."""
    if not page.url.startswith(lab.url):
        page.goto(f"{lab.url}/lab/workspaces/w{secrets.token_hex(4)}?reset&token={lab.token}")
        page.wait_for_function("window.jupyterapp?.restored")
        page.evaluate("window.jupyterapp.restored.then(() => null)")
    page.evaluate("path => { window.jupyterapp.commands.execute('docmanager:open', {path}) }", f"{name}.ipynb")
    page.locator(f".lm-TabBar-tab.lm-mod-current[title*='{name}.ipynb']").first.wait_for()
    cells = page.locator(".jp-Notebook:visible .jp-Cell")
    cells.first.wait_for()
    # Before the kernel is ready, "Run All Cells" silently does nothing.
    page.locator("#jp-main-statusbar").get_by_text(re.compile(r"Python 3 \(ipykernel\) \| Idle")).wait_for()
    return OpenNotebook(page, cells)


def leave(page: Page, lab: Lab) -> None:
    """Close what `opened` has opened, unsaved."""
    page.evaluate(CLOSE_ALL)
    page.locator(".jp-Notebook").first.wait_for(state="detached")
    lab.shut_kernels_down()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site built for these tests."""
    for module in ("bokeh", "pdoc", "nbconvert"):
        if importlib.util.find_spec(module) is None:
            unavailable(f"{module} is not installed: pip install -e '.[notebooks,site]'")
    if not MATHJAX.exists():
        unavailable("MathJax is not there: make site fetches it")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, ROOT / "website" / "build.py", "--mathjax", MATHJAX, "--out", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def untypeset(page: Page) -> Callable[[], None]:
    """A function after which pages are opened without typesetting, which takes longer than all else."""
    script = "MathJax.startup = {promise: Promise.resolve()}"
    return lambda: page.route("**/tex-svg.js", lambda route: route.fulfill(body=script))


@pytest.fixture
def visit(page: Page, site: Path) -> Iterator[Callable[[str], Page]]:
    """A function that opens a page from its file and waits until its formulas are typeset; no complaint is allowed."""
    said: list[str] = []
    asked: list[str] = []
    heard = {
        "console": lambda message: said.append(f"{message.type}: {message.text}"),
        "pageerror": lambda error: said.append(f"error: {error}"),
        "request": lambda request: asked.append(request.url),
    }
    for event, listener in heard.items():
        page.on(event, listener)

    def open_page(name: str) -> Page:
        page.goto((site / name).as_uri())
        page.wait_for_function("window.MathJax?.startup?.promise !== undefined")
        page.evaluate("window.MathJax.startup.promise")
        return page

    yield open_page
    for event, listener in heard.items():
        page.remove_listener(event, listener)
    assert [text for text in said if text.startswith(("error", "warning"))] == []
    assert [url for url in asked if urlsplit(url).scheme not in {"file", "data", "blob"}] == []
