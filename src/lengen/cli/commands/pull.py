"""Fetch a run that somebody shared on the Hugging Face hub; nothing in it is executed."""

from __future__ import annotations

import re
from pathlib import Path

from lengen.cli.plain_words import PlainCommand
from lengen.config.errors import require

HELP = """\
lengen pull OWNER/NAME [to=FOLDER]: fetch a run that lengen share has pushed to the Hugging Face hub

  to   the folder to create; results/pulled/OWNER/NAME by default

Nothing in the run is executed: parameters are safetensors, and options are YAML that may name classes of lengen alone. A
repository with anything else is refused before it is fetched.

lengen pull me/passkey-nope
lengen eval run=results/pulled/me/passkey-nope lengths=[50,100]
"""


def main(arguments: list[str]) -> int:
    """Run the command."""
    return COMMAND.run(arguments)


def fetch(options: dict[str, str]) -> int:
    """Fetch the run into a new folder."""
    from lengen.export.hub import pull, require_hub

    name = options["name"]
    require(bool(name), "name=: must be given, as in lengen pull OWNER/NAME")
    refuse_places(name)
    folder = Path(options["to"] or f"results/pulled/{name}")
    require(not folder.exists(), f"to={folder}: already exists; nothing was changed (allowed: a new folder)")
    require_hub(f"name={name}", name, login=False)
    files = pull(name, folder)
    print(f"{folder}: {len(files)} files; lengen eval run={folder} evaluates it")
    return 0


def refuse_places(name: str) -> None:
    """Refuse what is no name of a repository: a folder of this machine, which needs no pull, or an address.

    Raises:
        UsageError: names what reads it.
    """
    from lengen.export.hub import NAME

    place, named = Path(name), re.fullmatch(NAME, name, re.ASCII) is not None
    local = place.exists() and (not named or next(place.rglob("run.json"), None) is not None)
    require(
        not local,
        f"name={name}: is on this machine and needs no pull: lengen eval run={name} evaluates the runs there, and in Python lengen.load "
        "reads one (allowed: OWNER/NAME on the Hugging Face hub)",
    )
    if address := re.fullmatch(r"https?://[^/]+/(?:models/)?([^/]+/[^/]+?)/?", name):
        require(False, f"name={name}: must be OWNER/NAME; did you mean {address[1]}?")
    looks = not named and name.startswith((".", "/", "~"))
    require(
        not looks,
        f"name={name}: must be OWNER/NAME, as on the Hugging Face hub; there is no such folder here, and one would need no pull",
    )


COMMAND = PlainCommand(fetch, HELP, {"name": "", "to": ""}, first="name", place="to")
