"""A learner opens lesson 01 in JupyterLab, runs it and moves a slider."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is missing")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
LESSON = Path(__file__).parents[2] / "notebooks" / "01_sliding_windows.ipynb"
MINUTE = 60_000  # milliseconds, as Playwright counts

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        BROWSER is None,
        reason="no Chromium: install it (on Debian: apt install chromium)",
    ),
]

# JupyterLab's application object tells when a notebook and its kernel are ready; what
# the page shows says "idle" too early.
KERNEL_READY = """async () => {
  const pause = () => new Promise(done => setTimeout(done, 100));
  await jupyterapp.restored;
  let panel;
  for (let i = 0; i < 3000 && !panel?.sessionContext; i++) {
    panel = jupyterapp.shell.currentWidget;
    await pause();
  }
  await panel.context.ready;
  await panel.revealed;
  await panel.sessionContext.ready;
  for (let i = 0; i < 3000; i++) {
    const kernel = panel.sessionContext.session?.kernel;
    if (kernel?.connectionStatus === 'connected' && kernel.status === 'idle') return;
    await pause();
  }
  throw new Error('no kernel became idle within five minutes');
}"""
RUN_ALL = "() => jupyterapp.commands.execute('notebook:run-all-cells')"
OUTPUTS = """() => jupyterapp.shell.currentWidget.content.widgets
  .filter(cell => cell.model.type === 'code')
  .map(cell => cell.model.outputs.toJSON())"""
FIGURE_CHANGED = """([selector, before]) => {
  const figure = document.querySelector(selector);
  return figure && figure.src !== before && figure.naturalWidth > 0;
}"""

CELLS_WITH_SLIDERS = """() => jupyterapp.shell.currentWidget.content.widgets
  .map(cell => cell.model.type === 'code' && cell.model.outputs.toJSON().some(
    output => output.data?.['application/vnd.jupyter.widget-view+json']
      && output.data['text/html']))"""
SCROLL_TO = """place => jupyterapp.shell.currentWidget.content.scrollToItem(
  place, 'start')"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until_it_answers(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(3000):
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab stopped with status {server.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise TimeoutError(f"JupyterLab did not answer at {url} within five minutes")


def quiet_settings(folder: Path) -> Path:
    """JupyterLab's settings without its news, whose messages would cover the page."""
    plugin = folder / "@jupyterlab" / "apputils-extension"
    plugin.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
    (plugin / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    return folder


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """The address of a JupyterLab that serves a copy of the lesson."""
    work = tmp_path / "course"
    work.mkdir()
    shutil.copy(LESSON, work)
    port = free_port()
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
        *("--IdentityProvider.token=", "--ServerApp.password="),
        *("--ServerApp.disable_check_xsrf=True", "--ServerApp.log_level=WARN"),
        *("--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={work}"),
        f"--LabApp.user_settings_dir={quiet_settings(tmp_path / 'settings')}",
        f"--LabApp.workspaces_dir={tmp_path / 'workspaces'}",
    ]
    environment = os.environ | {
        "COURSE_BUDGET": "smoke",
        "COURSE_CACHE": str(tmp_path / "cache"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
    }
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            wait_until_it_answers(f"http://127.0.0.1:{port}/api/status", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


@pytest.fixture
def page(lab: str) -> Iterator["sync_api.Page"]:
    """The lesson, open in a browser with its kernel ready."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=BROWSER,
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
        )
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(5 * MINUTE)
        page.goto(f"{lab}/lab/tree/{LESSON.name}?reset")
        page.wait_for_function("() => !!window.jupyterapp")
        page.evaluate(KERNEL_READY)
        yield page
        browser.close()


def errors_in(outputs: list[list[dict[str, object]]]) -> list[dict[str, object]]:
    return [o for cell in outputs for o in cell if o["output_type"] == "error"]


def test_all_cells_run_and_a_slider_changes_its_figure(page: "sync_api.Page"):
    page.evaluate(RUN_ALL)
    outputs = page.evaluate(OUTPUTS)
    assert errors_in(outputs) == []
    assert any("RESULT {" in str(cell) for cell in outputs), "the last cell did not run"

    # A figure far down the page is not in it until it is scrolled to.
    first = next(
        place for place, cell in enumerate(page.evaluate(CELLS_WITH_SLIDERS)) if cell
    )
    page.evaluate(SCROLL_TO, first)
    slider = page.get_by_role("slider").first
    slider.wait_for()
    figure = page.locator("img.widget-image").first
    figure.wait_for()
    before = figure.get_attribute("src")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(FIGURE_CHANGED, arg=["img.widget-image", before])
    assert errors_in(page.evaluate(OUTPUTS)) == []
