"""Builds the application's image from a wheelhouse, without a network, and the base it stands on.

Usage: python -m scripts.build_images [--base IMAGE] [--tag NAME] [--program podman|docker]

Without --base a minimal Debian with Python, curl and tini is made by mmdebstrap and kept in build/.
The wheelhouse is filled by the base's own Python, as that decides which wheels fit.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONTEXT = ROOT / "build" / "image"
BASE = "localhost/info-assistant-base:bookworm"
BUILDER = "localhost/info-assistant-builder:bookworm"
TAG = "localhost/info-assistant:latest"
QDRANT_TAG = "localhost/pubsec-qdrant:latest"
QDRANT_TRIAL_TAG = "localhost/pubsec-qdrant:without-qdrant"
MATERIALS = "/usr/share/sbom/info-assistant.cdx.json"
CONTAINERFILES = ROOT / "deploy" / "containers"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PIP_CONFIGURATION = Path("/etc/pip.conf")

_SUITE = "bookworm"
_PACKAGES = ("usr-is-merged", "ca-certificates", "python3", "python3-venv", "curl", "tini")
_LEFT_OUT = ("doc/*", "man/*", "locale/*", "info/*", "lintian/*")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class BuildFailed(Exception):
    """Something that is needed is not here; the message says what, and what to do."""


@dataclass(frozen=True, slots=True)
class Builder:
    """The program that builds and runs containers, with the environment that it needs here."""

    program: str
    environment: Mapping[str, str]

    @classmethod
    def here(cls, program: str = "podman") -> "Builder":
        """Return the one of this machine. Raises BuildFailed."""
        if shutil.which(program) is None:
            raise BuildFailed(
                f"{program} is not installed, so no image can be built. docs/containers.md says "
                "what to install."
            )
        inherited = dict(os.environ)  # noqa: TID251  A script, not the product.
        if not Path("/run/systemd/system").exists():
            # Without systemd podman's defaults do not work; whoever has set others knows better.
            inherited.setdefault("CONTAINERS_CONF", str(CONTAINERFILES / "podman.conf"))
        return cls(program, inherited)

    def run(self, *words: str) -> None:
        """Run the program and show what it says. Raises CalledProcessError."""
        subprocess.run([self.program, *words], check=True, env=dict(self.environment), cwd=ROOT)

    def ask(self, *words: str) -> str:
        """Run the program and return what it says. Raises CalledProcessError."""
        done = subprocess.run(
            [self.program, *words],
            check=True,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        return done.stdout.strip()

    def has(self, image: str) -> bool:
        """Whether an image of that name is here."""
        found = subprocess.run(
            [self.program, "image", "inspect", image],
            check=False,
            env=dict(self.environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return found.returncode == 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", help="an image with Python; default: one that is made here")
    parser.add_argument("--builder", help="the same with binutils; default: the base")
    parser.add_argument("--qdrant-base", help="Qdrant's own image; default: the base, for trials")
    parser.add_argument("--tag", default=TAG)
    parser.add_argument("--program", default="podman", choices=("podman", "docker"))
    given = parser.parse_args(arguments)
    try:
        builder = Builder.here(given.program)
        base = given.base or ensure_debian(builder, BASE, _PACKAGES)
        maker = given.builder or given.base
        maker = maker or ensure_debian(builder, BUILDER, (*_PACKAGES, "binutils"))
        fill_context(builder, base)
        build_application(builder, {"BASE": base, "BUILDER": maker}, given.tag)
        keep_materials(builder, given.tag)
        build_qdrant(builder, given.qdrant_base or base, real=given.qdrant_base is not None)
    except BuildFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as failure:
        print(f"Ended with {failure.returncode}: {' '.join(failure.cmd)}", file=sys.stderr)
        return 1
    print(f"Built {given.tag}.")
    return 0


def ensure_debian(builder: Builder, name: str, packages: Sequence[str]) -> str:
    """Return `name`, a minimal Debian with `packages`, which is made where it is not here yet."""
    if builder.has(name):
        return name
    kept = ROOT / "build" / f"{name.rpartition('/')[2].replace(':', '-')}.tar"
    if not kept.exists():
        make_debian(kept, packages)
    # What is imported knows no PATH by itself.
    builder.run("import", "--quiet", "--change", f"ENV PATH={_PATH}", str(kept), name)
    return name


def make_debian(archive: Path, packages: Sequence[str]) -> None:
    """Write the root of a minimal Debian. Raises BuildFailed without mmdebstrap."""
    if shutil.which("mmdebstrap") is None:
        raise BuildFailed(
            "mmdebstrap is not installed, so no base can be made. Install it, or name a base that "
            'you have: make images IMAGES="--base python:3.11.14-slim-bookworm"'
        )
    archive.parent.mkdir(exist_ok=True)
    unfinished = archive.with_name(f"unfinished-{archive.name}")
    options = [f"--dpkgopt=path-exclude=/usr/share/{each}" for each in _LEFT_OUT]
    # Licences stay.
    options.append("--dpkgopt=path-include=/usr/share/doc/*/copyright")
    # With its folders merged from the start, Debian needs no program (and no Perl) to do so.
    options.append("--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr")
    options += ["--variant=minbase", f"--include={','.join(packages)}"]
    subprocess.run(["mmdebstrap", *options, _SUITE, unfinished], check=True)  # noqa: S607
    unfinished.rename(archive)


def fill_context(builder: Builder, base: str) -> None:
    """Put all that the build needs into one folder: wheels, lists with hashes, our own wheel."""
    wheels = list((ROOT / "dist").glob("*.whl"))
    if len(wheels) != 1:
        raise BuildFailed(f"dist/ holds {len(wheels)} wheels, not one: run `make wheel`.")
    for name in ("product", "requirements"):
        shutil.rmtree(CONTEXT / name, ignore_errors=True)
    for name in ("product", "requirements", "wheelhouse", "tools"):
        (CONTEXT / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(wheels[0], CONTEXT / "product")
    for name in ("image.txt", "materials.txt"):
        shutil.copy(ROOT / "requirements" / name, CONTEXT / "requirements")
    shutil.copy(ROOT / "scripts" / "slim_environment.py", CONTEXT / "slim.py")
    (CONTEXT / "languages.txt").write_text("\n".join(languages()) + "\n")
    download(builder, base, "image.txt", "wheelhouse")
    download(builder, base, "materials.txt", "tools")


def languages() -> list[str]:
    """Return the languages of the pages: English, and those that have a catalogue."""
    catalogues = (ROOT / "src" / "info_assistant" / "web" / "locale").glob("*.po")
    return sorted({"en", *(path.stem.partition("_")[0] for path in catalogues)})


def download(builder: Builder, base: str, requirements: str, folder: str) -> None:
    """Fill a folder with the wheels that fit the base's Python, unless it was for the same list."""
    stamp = CONTEXT / f"{folder}.stamp"
    identity = builder.ask("image", "inspect", "--format", "{{.Id}}", base)
    listed = hashlib.sha256((CONTEXT / "requirements" / requirements).read_bytes()).hexdigest()
    wanted = f"{identity} {listed}"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Downloading what {requirements} names …", flush=True)
    options = ["--rm", "--network=host", "--volume", f"{CONTEXT}:/context"]
    # How this machine reaches its package index is its own business; nothing of it is kept.
    for path in (CERTIFICATES, PIP_CONFIGURATION):
        if path.exists():
            options += ["--volume", f"{path}:{path}:ro"]
    for name in sorted(builder.environment):
        if (name.startswith("PIP_") and name != "PIP_FIND_LINKS") or name.lower().endswith(
            "_proxy"
        ):
            options += ["--env", name]
    pip = (
        "python3 -m venv /tmp/pip && /tmp/pip/bin/pip --disable-pip-version-check download --quiet "
        f"--only-binary :all: --require-hashes --find-links /context/{folder} "
        f"--dest /context/{folder} -r /context/requirements/{requirements}"
    )
    builder.run("run", *options, base, "sh", "-euc", pip)
    stamp.write_text(wanted)


def build_application(builder: Builder, bases: Mapping[str, str], tag: str) -> None:
    """Build the image without a network."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    options = ["--network=none", "--tag", tag]
    if builder.program == "podman":
        options += ["--format=docker"]  # The other format knows no HEALTHCHECK.
    arguments = {**bases, "VERSION": project["version"], "REVISION": revision()}
    for name, value in arguments.items():
        options += ["--build-arg", f"{name}={value}"]
    containerfile = CONTAINERFILES / "application" / "Containerfile"
    builder.run("build", *options, "--file", str(containerfile), str(CONTEXT))


def keep_materials(builder: Builder, tag: str) -> None:
    """Put the bill of materials of an image beside it."""
    text = builder.ask("run", "--rm", "--network=none", "--entrypoint=cat", tag, MATERIALS)
    (CONTEXT / Path(MATERIALS).name).write_text(text + "\n", encoding="utf-8")


def build_qdrant(builder: Builder, base: str, *, real: bool) -> None:
    """Build Qdrant's image with what the runbook runs inside it, where that script is here."""
    folder = CONTAINERFILES / "qdrant"
    if not (folder / "restore-backup.sh").exists():
        print("Qdrant's image was not built: restore-backup.sh is not here.")
        return
    tag = QDRANT_TAG if real else QDRANT_TRIAL_TAG
    network = [] if real else ["--network=none"]
    builder.run("build", *network, "--tag", tag, "--build-arg", f"BASE={base}", str(folder))
    check = "curl --version >/dev/null && sh -n /restore-backup.sh && test -x /restore-backup.sh"
    builder.run("run", "--rm", "--network=none", "--entrypoint=sh", tag, "-euc", check)
    if not real:
        print(f"{tag} stands on a Debian without Qdrant: only how the script is packed is proven.")


def revision() -> str:
    """Return the commit that is built, or `unknown` outside a clone."""
    asked = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    return asked.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
