import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import certifi
import pytest
import requests

from tests.support.sandbox_client import ROOT, Sandbox

NAMES = {
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "AzureWebJobsStorage",
    "SANDBOX_URL",
    "SANDBOX_VAULT_URL",
    "WEBSITE_SITE_NAME",
    "WEBSITE_OWNER_NAME",
    "WEBSITE_RESOURCE_GROUP",
    "CIPP_FUNCTION_APP",
}


def azurite_answers(env: dict[str, str]) -> bool:
    table = dict(part.partition("=")[::2] for part in env["AzureWebJobsStorage"].split(";"))["TableEndpoint"]
    try:
        requests.get(table, timeout=5)
    except requests.ConnectionError:
        return False
    return True


def gone_within(seconds: float, env: dict[str, str]) -> bool:
    end = time.monotonic() + seconds
    while azurite_answers(env):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_env_file_has_the_variables_for_any_tool(sandbox: Sandbox) -> None:
    assert set(sandbox.env) == NAMES
    assert sandbox.env["NO_PROXY"] == "127.0.0.1,localhost"
    assert sandbox.env["ALL_PROXY"] == ""
    assert Path(sandbox.env["SSL_CERT_FILE"]).is_absolute()
    assert sandbox.env["WEBSITE_OWNER_NAME"].endswith("+cipp-WestEuropewebspace-Linux")
    assert azurite_answers(sandbox.env)


def test_second_sandbox_in_a_directory_exits_without_effect_on_the_first(sandbox: Sandbox) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "sandbox"],
        cwd=sandbox.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert f"process {sandbox.process.pid}" in second.stderr
    assert (sandbox.folder / ".sandbox" / "env").exists()


def test_signal_stops_all_processes_even_when_a_call_hangs(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox:
        sandbox.faults([{"mode": "hang", "times": 0}])
        script = "import requests; requests.get('https://graph.microsoft.com/v1.0/x')"
        caller = subprocess.Popen(  # noqa: S603 - a fixed script
            [sys.executable, "-c", script], env={**os.environ, **sandbox.env}, stderr=subprocess.DEVNULL
        )
        while not sandbox.calls():
            time.sleep(0.05)
        sandbox.process.send_signal(signal.SIGINT)
        assert sandbox.process.wait(timeout=5) == 0
        assert caller.wait(timeout=5) != 0
        assert not (tmp_path / ".sandbox" / "env").exists()
        assert gone_within(2, sandbox.env)


def test_bundle_has_this_machines_authorities_and_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    begin = "BEGIN CERTIFICATE"
    with Sandbox(tmp_path) as sandbox:
        bundle = Path(sandbox.env["SSL_CERT_FILE"]).read_text("utf-8")
    assert bundle.count(begin) == Path(certifi.where()).read_text("utf-8").count(begin) + 1


def test_azurite_exits_when_the_sandbox_is_killed(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as killed:
        killed.process.kill()
        killed.process.wait()
        assert gone_within(5, killed.env)
    stale = (tmp_path / ".sandbox" / "env").read_text("utf-8")
    with Sandbox(tmp_path, stale=stale) as second:
        assert second.env != killed.env


def test_sandbox_exits_when_azurite_exits(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox:
        children = Path(f"/proc/{sandbox.process.pid}/task/{sandbox.process.pid}/children").read_text("utf-8")
        os.kill(int(children.split()[0]), signal.SIGKILL)
        assert sandbox.process.wait(timeout=5) == 1
        assert "azurite.log" in sandbox.output()
        assert not (tmp_path / ".sandbox" / "env").exists()
