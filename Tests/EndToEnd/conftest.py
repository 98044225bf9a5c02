"""Fixtures: certificates for the whole run, and proxies that must end clean with each test."""

import resource
import shutil
import tempfile
from pathlib import Path

import pytest

from harness.certificates import Certificates
from harness.tidegate import BINARY, Tidegate


def pytest_configure(config):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pytest_sessionstart(session):
    if not session.config.option.collectonly and not BINARY.exists():
        pytest.exit(f"no binary at {BINARY}: build it, or set TIDEGATE", 2)


def pytest_report_header(config):
    return f"tidegate: {BINARY}"


def pytest_collection_modifyitems(items):
    """Everything else first: what moves gigabytes tells the least when it fails."""
    items.sort(key=lambda item: item.get_closest_marker("large") is not None)


@pytest.fixture(scope="session")
def certificates():
    with tempfile.TemporaryDirectory(prefix="tg-cert-") as folder:
        yield Certificates(folder)


def _short_folder():
    """A folder with a path short enough for unix sockets, unlike pytest's own."""
    return Path(tempfile.mkdtemp(prefix="tg-"))


@pytest.fixture
def folder():
    made = _short_folder()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def module_folder():
    made = _short_folder()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    setattr(item, "report_" + report.when, report)
    for proxy in getattr(item, "proxies", []):
        if report.failed and report.when == "call":
            report.sections.append(("tidegate's stderr", proxy.stderr()[-4000:]))


@pytest.fixture
def tidegate(request, folder):
    """`tidegate(settings)` starts one. At the test's end no connection is left and it stops in order."""
    proxies = request.node.proxies = []

    def start(settings, **options):
        proxy = Tidegate(folder / f"p{len(proxies)}", settings, **options)
        proxies.append(proxy)
        return proxy.start()

    yield start
    failed = getattr(request.node, "report_call", None) and request.node.report_call.failed
    for proxy in proxies:
        if failed:
            proxy.kill()
        else:
            proxy.finish()
