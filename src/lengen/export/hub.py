"""The Hugging Face hub: a prepared folder goes there, a shared run comes from there; refused at once without a network."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Literal

from lengen.config.errors import UsageError, one_line, require
from lengen.config.version import VERSION
from lengen.export.received_run import KNOWN, LARGEST, check_names, check_received
from lengen.records.atomic import whole_folder

NAME = r"(?!.*(\.\.|--))[A-Za-z0-9][\w.-]{0,47}/[A-Za-z0-9][\w.-]{0,47}"
"""Of a repository."""
SECONDS = 8
"""The hub has answered by then, or it cannot be reached."""


def require_hub(word: str, name: str, *, login: bool) -> None:
    """Refuse what needs the hub where it cannot be reached, or nobody is logged in.

    Args:
        word: the word of the command line.
        name: of a repository.
        login: whether a token is needed.

    Raises:
        UsageError: says what is missing.
    """
    from huggingface_hub import constants, get_token

    require(
        bool(re.fullmatch(NAME, name, re.ASCII)), f"{word}: must be OWNER/NAME, as on the Hugging Face hub"
    )
    require(not constants.HF_HUB_OFFLINE, f"{word}: needs a network, and HF_HUB_OFFLINE is set")
    require(
        not login or bool(get_token()),
        f"{word}: nobody is logged in to the hub; run `hf auth login`, or set HF_TOKEN",
    )
    answered: list[bool] = []

    def ask() -> None:
        from huggingface_hub import get_session

        try:
            get_session().head(constants.ENDPOINT, timeout=SECONDS / 2)
            answered.append(True)
        except Exception:  # noqa: BLE001  # whatever the library for the network raises
            answered.append(False)

    thread = Thread(target=ask, daemon=True)  # the resolver of names heeds no timeout
    thread.start()
    thread.join(SECONDS)
    require(any(answered), f"{word}: {constants.ENDPOINT} cannot be reached")


def push(folder: Path, name: str, kind: Literal["dataset", "model"]) -> str:
    """Push a prepared folder; a new repository is private.

    Returns:
        The address of the commit.

    Raises:
        UsageError: the hub refuses it.
    """
    from huggingface_hub import HfApi

    hub = HfApi(library_name="lengen", library_version=VERSION)
    with refusals(f"push={name}"):
        hub.create_repo(name, repo_type=kind, private=True, exist_ok=True)
        message = f"Upload with lengen {VERSION}"
        return str(
            hub.upload_folder(repo_id=name, folder_path=folder, repo_type=kind, commit_message=message)
        )


def pull(name: str, folder: Path) -> list[Path]:
    """Fetch a shared run, if it has nothing but the files of one, and check them before the folder has its name.

    Args:
        name: of the repository, OWNER/NAME.
        folder: the folder to create; it must not exist.

    Returns:
        Its files.

    Raises:
        UsageError: the hub refuses it, or it is not a shared run.
    """
    from huggingface_hub import HfApi

    hub = HfApi(library_name="lengen", library_version=VERSION)
    with refusals(name):
        about: Any = hub.model_info(name, files_metadata=True, timeout=SECONDS)
    files = about.siblings or []
    check_names((file.rfilename for file in files), name)
    size = sum(file.size or 0 for file in files)
    require(size <= LARGEST, f"{name}: has {size >> 30} GiB; must be at most {LARGEST >> 30}")
    with whole_folder(folder) as work:
        with refusals(name):
            hub.snapshot_download(name, revision=about.sha, allow_patterns=[*KNOWN], local_dir=work)
        shutil.rmtree(work / ".cache", ignore_errors=True)  # of the library
        check_received(work, name)
    return sorted(folder.iterdir())


@contextmanager
def refusals(word: str) -> Iterator[None]:
    """Say on one line what the hub, or the way to it, refuses.

    Raises:
        UsageError: instead of the errors of the hub's library.
    """
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except Exception as error:
        way = isinstance(error, (HfHubHTTPError, ConnectionError, TimeoutError))
        if not way and not type(error).__module__.startswith("httpx"):  # the library for the network
            raise
        text = getattr(error, "server_message", None) or str(error)
        raise UsageError(f"{word}: the hub refuses it ({one_line(str(text))})") from None
