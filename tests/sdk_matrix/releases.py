"""Every release of the SDK from 1.0.0 on, each where it can be imported."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.sdk_matrix.documents import order_of

CHECKOUT = Path(__file__).parents[2]
FOLDER = CHECKOUT / ".venv-matrix"
PACKAGE = "openai-chatkit"
OLDEST = "1.0.0"
IMPORT = "import chatkit.agents, chatkit.server, chatkit.store, chatkit.types, chatkit.widgets"


class CommandError(RuntimeError):
    """A program failed; the message is the end of what it said."""


@dataclass(frozen=True)
class Release:
    """A release that can be imported.

    Attributes:
        version: Its number.
        python: The interpreter of the environment that has its dependencies.
        folder: Where it is installed itself, before what the environment may have.
    """

    version: str
    python: Path
    folder: Path

    def run(self, *arguments: str) -> str:
        """Run this release's Python on our own code and return what it prints.

        Raises:
            CommandError: It failed.
        """
        paths = [self.folder, CHECKOUT / "src", CHECKOUT]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
        # The SDK warns of its own widget classes.
        command = [str(self.python), "-W", "ignore::DeprecationWarning", *arguments]
        try:
            return _output(command, environment)
        except CommandError as error:
            raise CommandError(f"{PACKAGE} {self.version}: {error}") from error


def listed_releases() -> list[str]:
    """Ask pip for every release from the oldest on, oldest first; pre-releases are none of them."""
    answer = _pip(Path(sys.executable), "index", "versions", PACKAGE)
    [versions] = re.findall(r"^Available versions: (.+)$", answer, re.MULTILINE)
    return sorted((each for each in versions.split(", ") if order_of(each) >= order_of(OLDEST)), key=order_of)


def installed(version: str) -> Release:
    """Return a release, with our own environment's dependencies or, where it cannot be imported so, with its own.

    Raises:
        CommandError: It cannot be imported in either; the message says why.
    """
    release = Release(version, Path(sys.executable), FOLDER / version)
    if not release.folder.exists():
        _install(release)
    try:
        release.run("-c", IMPORT)
    except CommandError:
        release = _with_own_dependencies(release)
        release.run("-c", IMPORT)
    return release


def _install(release: Release) -> None:
    # What appears by one rename is never half there.
    fresh = release.folder.with_name(f"{release.version}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    _pip(release.python, "install", "--no-deps", "--target", str(fresh), f"{PACKAGE}=={release.version}")
    fresh.rename(release.folder)


def _with_own_dependencies(release: Release) -> Release:
    """Return *release* in an environment of its own: with what pip finds fit for it, and what the store needs."""
    home = FOLDER / f"{release.version}-environment"
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True, clear=True)
        project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
        ours = [*project["dependencies"], *project["optional-dependencies"]["testing"]]
        others = [each for each in ours if not each.startswith(PACKAGE)]
        _pip(python, "install", f"{PACKAGE}=={release.version}", *others)
    return Release(release.version, python, release.folder)


def _pip(python: Path, *arguments: str) -> str:
    return _output([str(python), "-m", "pip", "--disable-pip-version-check", *arguments], dict(os.environ))


def _output(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise CommandError(lines[-1] if lines else f"ended with status {done.returncode}")
    return done.stdout
