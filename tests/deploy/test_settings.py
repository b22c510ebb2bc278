"""What containers are told is what the product knows, and it starts with it."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from scripts.manifests import KUBERNETES, Rendered, Workload, everything, render

from info_assistant.errors import Misconfigured
from info_assistant.model.mode import ModeName
from info_assistant.settings import Settings, describe_variables

OURS = {"backend", "frontend", "worker"}
NOT_OURS = {"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "TMPDIR", "REDIS_PASSWORD"}
"""Read by AWS' tools and by Python, and what only other variables are made of."""

SWITCHES = {
    "cache-only": {"backend": {"CACHE_ONLY_MODE": "true"}},
    "redis-disabled": {"backend": {"REDIS_ENABLED": "false"}},
    "provider-anthropic": {"backend": {"LLM_PROVIDER": "anthropic"}},
    "maintenance": {
        "backend": {"MAINTENANCE_MODE": "true"},
        "frontend": {"MAINTENANCE_MODE": "true"},
    },
}
"""What each component of a mode throws, and where."""


def told(found: Rendered, workload: Workload) -> Mapping[str, str]:
    """Return a container's environment with secrets that are good ones."""
    variables = found.environment(workload.containers[0])
    return {
        k: re.sub(r"secret:[\w./-]+", "k3Jd8fGh2LmQ9xWvZr7TbNcYp5As1E0u", v)
        for k, v in variables.items()
    }


def ours(found: Rendered) -> list[Workload]:
    """Return the workloads that run a part of the product for ever."""
    return [each for each in found.workloads() if each.component in OURS]


@pytest.mark.parametrize("name", everything())
def test_every_variable_is_a_setting(name: str) -> None:
    """No container of the product is told anything that nobody reads."""
    found, known = render(name), set(describe_variables()) | NOT_OURS
    assert len(ours(found)) == 3
    for each in ours(found):
        assert set(found.environment(each.containers[0])) <= known, each.name


@pytest.mark.parametrize("name", everything())
def test_the_product_starts_with_them(name: str) -> None:
    """The settings accept all of it, and the page has what it needs to sign people in."""
    found = render(name)
    for each in ours(found):
        settings = Settings.from_environment(told(found, each))
        assert settings.bind_host == "0.0.0.0"
        assert settings.qdrant_url == "http://qdrant:6333"
        if each.component == "frontend":
            settings.require_page_sign_in()
            assert settings.backend_url == "http://backend:8000"
        if each.component == "backend":
            assert len(settings.redis_urls) == found.workload("StatefulSet", "redis").replicas
            assert settings.ingestion_workers == 0
        if each.component == "worker":
            assert settings.ingestion_workers > 0


def test_a_variable_without_its_secret_would_be_refused() -> None:
    """The check is of use: without the secret of cookies the page does not start."""
    found = render("base")
    page = found.workload("Deployment", "frontend")
    without = {k: v for k, v in told(found, page).items() if k != "SESSION_SECRET"}
    with pytest.raises(Misconfigured, match="SESSION_SECRET"):
        Settings.from_environment(without).require_page_sign_in()


def _switches(found: Rendered) -> dict[str, dict[str, str]]:
    modes = {each.value for each in ModeName} - {"MAINTENANCE_MESSAGE"}
    told_of = {
        each.component: {
            k: v for k, v in found.environment(each.containers[0]).items() if k in modes
        }
        for each in found.workloads()
    }
    return {component: thrown for component, thrown in told_of.items() if thrown}


@pytest.mark.parametrize("name", everything())
def test_no_switch_is_thrown_but_by_its_component(name: str) -> None:
    """Neither base nor overlays set a mode; a component of a mode sets that one alone."""
    _, _, component = name.partition("+")
    assert _switches(render(name)) == SWITCHES.get(component, {})


@pytest.mark.parametrize("component", sorted(SWITCHES))
def test_a_switch_changes_nothing_else(component: str) -> None:
    """With a mode's component, the other objects are those of the base."""
    base, found = render("base"), render(f"base+{component}")
    plain = {(each["kind"], each["metadata"]["name"]): each for each in base.objects}
    changed = {
        each["metadata"]["name"]
        for each in found.objects
        if plain[each["kind"], each["metadata"]["name"]] != each
    }
    assert len(found.objects) == len(base.objects)
    assert changed == set(SWITCHES[component])


def _keys_of_secrets(found: Rendered) -> dict[str, bool]:
    """Return each key of a Secret that pods refer to, and whether they start without it."""
    keys: dict[str, bool] = {}
    for workload in found.workloads():
        for container in workload.containers:
            for each in container.get("env", ()):
                if "secretKeyRef" in each.get("valueFrom", ()):
                    key = each["valueFrom"]["secretKeyRef"]
                    name, optional = f"{key['name']}/{key['key']}", key.get("optional", False)
                    keys[name] = keys.get(name, True) and optional
    return keys


def test_every_secret_is_made_by_the_example(tmp_path: Path) -> None:
    """No Secret is in the manifests; secrets.example.sh makes what pods cannot start without."""
    recorded = tmp_path / "asked"
    stand_in = tmp_path / "kubectl"
    stand_in.write_text(f'#!/bin/sh\n[ "$1" = create ] || exit 0\necho "$@" >>{recorded}\n')
    stand_in.chmod(0o755)
    subprocess.run(
        ["bash", KUBERNETES / "secrets.example.sh"],
        check=True,
        timeout=60,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    made = {
        f"{name}/{key}"
        for name, rest in re.findall(r"secret generic (\S+) (.*)", recorded.read_text())
        for key in re.findall(r"--from-literal=([\w-]+)=\S{32,}", rest)
    }
    for name in everything():
        found = render(name)
        assert found.of("Secret") == []
        needed = {key for key, optional in _keys_of_secrets(found).items() if not optional}
        if name != "base+provider-anthropic":
            assert needed == made
