"""A browser loads a page through the proxy, and the page opens a WebSocket through it."""

import json
import shutil

import pytest

from harness.browser import Browser
from harness.matrix import tls_settings
from harness.servers import HELPERS, EchoServer, nginx
from harness.tidegate import address, listener, pool
from harness.waiting import eventually


@pytest.fixture(scope="module")
def browser(module_folder):
    with Browser(module_folder) as made:
        yield made


@pytest.fixture
def pages(folder):
    """nginx with the page, and an echo server behind it."""
    web = folder / "web"
    web.mkdir()
    folder.chmod(0o755)
    shutil.copy(HELPERS / "page.html", web)
    with EchoServer() as echo, nginx(folder, web, echo.port) as server:
        yield server, echo


@pytest.mark.timeout(90)
@pytest.mark.parametrize("layer", ["plain", "tidegate", "openssl"])
def test_chromium_loads_a_page_and_echoes_over_its_websocket(tidegate, certificates, browser, pages, layer):
    server, echo = pages
    tls = {} if layer == "plain" else {"tls": tls_settings(certificates.site, record_layer=layer)}
    entry = listener("web", plain_http="pass", routes=[{"path": "/ws", "pool": "echo"}], **tls)
    # Chromium opens connections ahead of need, and lets them be.
    deadlines = {"first_byte": "1s", "handshaking": "1s", "upgrading": "1s", "closing": "1s"}
    proxy = tidegate({"deadlines": deadlines, "listeners": [entry], "pools": [pool("web", server), pool("echo", echo)]})
    scheme = "https" if tls else "http"
    title = browser.title(f"{scheme}://localhost:{address(entry)[1]}/page.html", "done ")
    facts = json.loads(title.removeprefix("done "))
    assert facts == {
        "echoes": ["from the browser \u6f6e", True],
        "extensions": facts["extensions"],
        "close": {"code": 4007, "reason": "seen enough", "clean": True},
    }
    assert facts["extensions"].startswith("permessage-deflate")
    assert echo.session().close_code == 4007
    [socket] = eventually(lambda: [record for record in proxy.records() if record.pool == "echo"])
    assert socket.close_code_from_client == 4007
