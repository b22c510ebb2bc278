"""`info-assistant failover` as people on call type it."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.cli.conftest import Run, run_cli
from tests.regions.conftest import KEYS, NAME, Backend, Zone, ship

from info_assistant.cli.main import program
from info_assistant.errors import InfoAssistantError

__all__ = ["run_cli"]  # A fixture is found by its name in the module.

Command = Callable[..., Run]


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    """Where the second region finds backups."""
    return tmp_path / "backups"


@pytest.fixture
def failover(
    zone: Zone,
    second_region: Backend,
    backups: Path,
    tmp_path: Path,
) -> Command:
    """Return a function that runs `failover`, with all that it needs set."""

    def run(command: str, *arguments: str, **settings: str) -> Run:
        given = {
            "ROUTE53_ZONE_ID": zone.id,
            "ROUTE53_RECORDS": NAME,
            "AWS_ENDPOINT_URL_ROUTE_53": zone.endpoint,
            # It says where S3 is; whoever asks for Route 53 there finds nobody.
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            "SECOND_REGION_URL": second_region.url,
            "SECOND_REGION_RECORD": "second",
            "SECOND_REGION_BACKUP_URL": str(backups),
            **KEYS,
        }
        file = () if command in {"check", "ship"} else ("--file", str(tmp_path / "failover.json"))
        done = CliRunner().invoke(
            program, ["failover", command, *file, *arguments], env={**given, **settings}
        )
        told = done.exception.message if isinstance(done.exception, InfoAssistantError) else ""
        return Run(done.exit_code, done.stdout, done.stderr + told)

    return run


def test_readers_are_led_over_and_back(failover: Command, zone: Zone, backups: Path) -> None:
    """check, plan, apply, back: each says what it found or did, and only two of them change it."""
    ship(backups, timedelta(minutes=20))
    before = zone.records()
    checked = failover("check")
    assert checked.code == 0, checked.out + checked.err
    assert f"{NAME} A: 100% to first (weight 100), 0% to second (weight 0)" in checked.out
    assert "keep an answer for 300 s" in checked.out
    assert "(RPO)" in checked.out
    planned = failover("plan")
    assert planned.code == 0, planned.err
    assert f"{NAME} A 'first': weight 100 → 0" in planned.out
    unasked = failover("apply")
    assert unasked.code == 1
    assert "no terminal" in unasked.err
    assert zone.records() == before
    assert failover("apply", "--yes").code == 0
    assert zone.weights() == {"first": 0, "second": 100}
    assert failover("back", "--yes").code == 0
    assert zone.records() == before


def test_a_loss_beyond_what_was_promised_is_typed_or_refused(
    failover: Command, zone: Zone, backups: Path
) -> None:
    """Readers stay until somebody accepts that there is no good backup, or how old it is."""
    assert failover("plan").code == 0
    refused = failover("apply", "--yes", "--accept-loss", "600")
    assert refused.code == 1
    assert "no verified backup" in refused.err
    assert "--accept-loss unknown" in refused.err
    ship(backups, timedelta(minutes=189, seconds=30))
    for typed in ((), ("--accept-loss", "60"), ("--accept-loss", "unknown")):
        refused = failover("apply", "--yes", *typed)
        assert refused.code == 1
        assert "larger than promised" in refused.err
    assert zone.weights() == {"first": 100, "second": 0}
    assert failover("apply", "--yes", "--accept-loss", "600").code == 0
    assert zone.weights() == {"first": 0, "second": 100}


@pytest.mark.parametrize("modes", [[], [{"name": "MAINTENANCE_MODE"}]])
def test_readers_are_not_led_to_a_region_that_is_not_well(
    failover: Command, zone: Zone, backups: Path, second_region: Backend, modes: list[object]
) -> None:
    """A region that answers nobody, or is closed, takes nobody unless somebody says so."""
    ship(backups, timedelta(minutes=1))
    second_region.status = 200 if modes else 503
    second_region.body["modes"] = modes
    assert failover("plan").code == 0
    refused = failover("apply", "--yes")
    assert refused.code == 1
    assert "not well" in refused.err
    assert zone.weights() == {"first": 100, "second": 0}
    findings = json.loads(failover("check", "--json").out)
    assert not findings["ok"]
    assert failover("apply", "--yes", "--despite-health").code == 0
    assert zone.weights() == {"first": 0, "second": 100}


def test_a_shipped_backup_makes_the_loss_acceptable(
    failover: Command, backups: Path, tmp_path: Path
) -> None:
    """After shipping, `check` finds what the second region would be restored from."""
    name = ship(tmp_path / "here", timedelta(minutes=2))
    manifest = tmp_path / "here" / name / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"packs": {}}))
    assert failover("check").code == 1
    shipped = failover("ship", "--from", str(tmp_path / "here"))
    assert shipped.code == 0, shipped.err
    assert f"Backup {name} is there: 2 files" in shipped.err
    assert (backups / name / "verified.json").exists()
    assert name in failover("check").out


def test_without_boto3_it_says_how_to_install_it(
    run_cli: Command,
    zone: Zone,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client of Amazon is an extra; a machine without it is told so in a sentence."""
    hiding = tmp_path / "hiding"
    (hiding / "boto3").mkdir(parents=True)
    (hiding / "boto3" / "__init__.py").write_text("raise ImportError('hidden')\n")
    monkeypatch.setenv("PYTHONPATH", str(hiding))
    names = {"ROUTE53_RECORDS": NAME, "SECOND_REGION_RECORD": "second"}
    told = run_cli("failover", "plan", ROUTE53_ZONE_ID=zone.id, **names)
    assert told.code == 1
    assert "pip install 'info-assistant[route53]'" in told.err
    assert "Traceback" not in told.err
