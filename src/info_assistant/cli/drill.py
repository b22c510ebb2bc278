"""`drill`: stand-ins for what surrounds the product, for demonstrations on one machine."""
# ruff: noqa: PLC0415  Each drill loads only its own stand-in.

import secrets
import signal
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from info_assistant.errors import Misconfigured

if TYPE_CHECKING:
    from info_assistant.drills.cluster.faults import Fault
    from info_assistant.drills.provider_faults import Behaviour

ISSUER_PORT = 8090
"""Where the identity provider listens unless told otherwise."""

PROVIDERS_PORT = 8091
"""Where the first of the stand-ins for providers listens unless told otherwise."""

CLUSTER_PORT = 8093
"""Where the simulated cluster listens unless told otherwise."""


@click.group(short_help="Run stand-ins for demonstrations, such as an identity provider.")
def drill() -> None:
    """Run stand-ins for what surrounds the product, for demonstrations on one machine.

    \b
    Examples:
      info-assistant drill issuer
      info-assistant drill providers --misbehave openai=status_503
      info-assistant drill cluster
      info-assistant drill machine
    """  # noqa: D301  For click, the mark keeps the lines.


@drill.command(short_help="Run an identity provider with invented people.")
@click.option("--port", default=ISSUER_PORT, show_default=True, help="Where it listens.")
def issuer(port: int) -> None:
    """Run an OpenID Connect provider with invented people, on loopback, without passwords.

    Prints the settings with which the product lets those people sign in.

    \b
    Examples:
      info-assistant drill issuer
      info-assistant drill issuer --port 9090
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.drills.issuer import running_issuer

    over = _told_to_stop()
    try:
        with running_issuer(port=port) as running:
            click.echo(_settings(running.url, running.tokens.audience, running.client.id))
            over.wait()
    except OSError as error:
        raise _cannot_listen("The identity provider", port, error) from error


@drill.command(short_help="Run stand-ins for OpenAI and Anthropic that misbehave on command.")
@click.option("--port", default=PROVIDERS_PORT, show_default=True, help="The first of two ports.")
@click.option(
    "--misbehave",
    multiple=True,
    metavar="PROVIDER=HOW",
    help="How a provider misbehaves, such as openai=status_503; docs/providers.md lists the ways.",
)
def providers(port: int, misbehave: tuple[str, ...]) -> None:
    """Run stand-ins for OpenAI and Anthropic on loopback, which write without a model.

    Their answers quote the passages that they are given, so that composed answers, failover and
    the bill can be tried without a key. Prints the settings with which the product asks them, and
    at the end what they have counted.

    \b
    Examples:
      info-assistant drill providers
      info-assistant drill providers --misbehave openai=reset_stream
      info-assistant drill providers --misbehave openai=pause --misbehave anthropic=wrong_key
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.drills.provider_faults import Behaviour
    from info_assistant.drills.providers import FORMATS, ProviderStandIn, running_providers
    from info_assistant.drills.scripted_answers import quoting

    stand_ins = {name: ProviderStandIn(name, script=quoting) for name in FORMATS}
    for each in misbehave:
        name, behaviour = _misbehaviour(each, tuple(FORMATS))
        stand_ins[name].behaviour = behaviour
    over = _told_to_stop()
    try:
        with running_providers(*stand_ins.values(), ports=(port, port + 1)) as thread:
            for stand_in in stand_ins.values():
                if stand_in.behaviour is Behaviour.REFUSED_PORT:
                    thread.hang_up(stand_in)
            click.echo(_provider_settings({name: each.url for name, each in stand_ins.items()}))
            over.wait()
    except OSError as error:
        raise _cannot_listen("The stand-ins for providers", port, error) from error
    for name, stand_in in stand_ins.items():
        calls = stand_in.tally.calls
        read, written = sum(call.input for call in calls), sum(call.output for call in calls)
        click.echo(f"{name} counted {len(calls)} calls, {read} tokens read, {written} written.")


@drill.command(short_help="Run a simulator of a Kubernetes cluster, for kubectl and runbooks.")
@click.option("--port", default=CLUSTER_PORT, show_default=True, help="Where it listens.")
@click.option("--scale", default=1.0, show_default=True, help="How many times as fast time runs.")
@click.option("--empty", is_flag=True, help="Begin with nodes only, for your own manifests.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="HOW=IMAGE",
    help="Containers of an image fail, such as unpullable=example/backend:2 or crashing=*:bad.",
)
def cluster(port: int, scale: float, faults: tuple[str, ...], *, empty: bool) -> None:
    """Run a simulator of a Kubernetes cluster on loopback, for kubectl and for runbooks.

    It is a model and no cluster: docs/simulator.md says what it models. It begins with the objects
    that the runbook names, and prints the line that leads kubectl to it.

    \b
    Examples:
      info-assistant drill cluster
      info-assistant drill cluster --fault 'unpullable=*:bad' --scale 10
      info-assistant drill cluster --empty     (then: kubectl apply -k DIRECTORY)
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.drills.cluster.simulator import Setup, running_cluster, settled_cluster

    simulated = settled_cluster(Setup(items=[] if empty else None), scale=scale)
    simulated.faults.active += [_cluster_fault(each) for each in faults]
    simulated.control.look_again()
    over = _told_to_stop()
    with tempfile.TemporaryDirectory(prefix="info-assistant-cluster-") as folder:
        try:
            with running_cluster(simulated, port) as running:
                config = running.kubeconfig(Path(folder) / "kubeconfig")
                click.echo(f"A simulated cluster answers at {running.url}. Press Ctrl-C to stop.")
                click.echo("In another terminal:\n")
                click.echo(f"export KUBECONFIG={config}")
                click.echo("kubectl get pods -n pubsec-info-assistant")
                over.wait()
        except OSError as error:
            raise _cannot_listen("The simulated cluster", port, error) from error


@drill.command(short_help="Run that cluster with real processes behind its pods.")
@click.option("--models", is_flag=True, help="Stand-ins for OpenAI and Anthropic write answers.")
@click.option("--backup", is_flag=True, help="Make a backup first, for /restore-backup.sh.")
@click.option("--second-region", is_flag=True, help="Run a second region, where `aws` can lead.")
def machine(*, models: bool, backup: bool, second_region: bool) -> None:
    """Run a simulated cluster whose pods are real processes of this machine, and documents in it.

    What kubectl does with pods happens to backends, Qdrant and Redis: a lesson in the runbook on
    the product itself, with nothing to lose. It takes up to a minute to start and about 1.5 GB.
    Prints the lines that lead kubectl, curl and aws there; docs/simulator.md says what is real.

    \b
    Examples:
      info-assistant drill machine
      info-assistant drill machine --models
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.cli.machine import plan
    from info_assistant.drills.machine.running import running_machine

    chosen = plan({"with_models": models, "with_backup": backup, "second_region": second_region})
    with tempfile.TemporaryDirectory(prefix="info-assistant-machine-") as folder:
        click.echo("Starting …", err=True)
        with running_machine(Path(folder), chosen) as running:
            over = _told_to_stop()
            click.echo(f"The service answers at {running.public_url}. Press Ctrl-C to stop.")
            click.echo("In another terminal:\n")
            for name, value in sorted(running.variables.items()):
                if name != "HOME":
                    click.echo(f"export {name}={value}")
            click.echo("kubectl get pods -n pubsec-info-assistant")
            over.wait()


def _cluster_fault(given: str) -> "Fault":
    """Return which containers are to fail, and how. Raises Misconfigured."""
    from info_assistant.drills.cluster.faults import Fault, FaultKind

    how, _, image = given.partition("=")
    if how in set(FaultKind) and image:
        return Fault(FaultKind(how), image=image)
    raise Misconfigured(
        f"--fault {given} is not understood. Give a way and an image, such as "
        f"unpullable=example/backend:2. Ways: {', '.join(FaultKind)}."
    )


def _misbehaviour(given: str, names: tuple[str, ...]) -> "tuple[str, Behaviour]":
    """Return which provider is to misbehave, and how. Raises Misconfigured."""
    from info_assistant.drills.provider_faults import Behaviour

    name, _, how = given.partition("=")
    if name in names and how in set(Behaviour):
        return name, Behaviour(how)
    raise Misconfigured(
        f"--misbehave {given} is not understood. Give a provider and a way, such as "
        f"openai=status_503. Providers: {', '.join(names)}. Ways: {', '.join(Behaviour)}."
    )


def _told_to_stop() -> threading.Event:
    """Return an event that Ctrl-C and SIGTERM set from now on."""
    over = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        over.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return over


def _cannot_listen(what: str, port: int, error: OSError) -> Misconfigured:
    return Misconfigured(
        f"{what} cannot listen on port {port} ({error.strerror}). Stop what uses that port, or "
        "choose another with --port."
    )


def _provider_settings(urls: Mapping[str, str]) -> str:
    """Return the lines to put before `info-assistant up`."""
    return "\n".join(
        (
            "Stand-ins for OpenAI and Anthropic answer. Press Ctrl-C to stop.",
            "In another terminal, set these and start the product:",
            "",
            f"export OPENAI_BASE_URL={urls['openai']}",
            "export OPENAI_API_KEY=drill",
            f"export ANTHROPIC_BASE_URL={urls['anthropic']}",
            "export ANTHROPIC_API_KEY=drill",
            "info-assistant up",
        )
    )


def _settings(url: str, audience: str, client_id: str) -> str:
    """Return the lines to put before `info-assistant up`."""
    return "\n".join(
        (
            f"An identity provider with invented people answers at {url}. Press Ctrl-C to stop.",
            "In another terminal, set these and start the product:",
            "",
            "export AUTH=oidc",
            f"export OIDC_ISSUER={url}",
            f"export OIDC_AUDIENCE={audience}",
            f"export OIDC_CLIENT_ID={client_id}",
            f"export SESSION_SECRET={secrets.token_urlsafe(48)}",
            "export API_KEY=$(info-assistant keys create --role operator --name me)",
            "info-assistant up",
        )
    )
