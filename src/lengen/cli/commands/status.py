"""Status of studies: which runs are done, running, queued, failed or missing, and how long the rest will take."""

from __future__ import annotations

from lengen.cli.plain_words import PlainCommand
from lengen.config.errors import UsageError, one_line, require
from lengen.launcher.job import FAILED
from lengen.records.plain_text import visible
from lengen.studies.places import RESULTS

HELP = """\
lengen status [NAME] [option=value …]: how far a study is, or one line for each study; reads run folders and Slurm's queue

  study         its name; study=NAME and NAME are the same
  results_dir   the folder of the runs; the studies are in the folder studies beside it
  all           true: list all runs

Exit code: 0 if every run of the study is finished, else 1; without a name 0.

lengen status
lengen status first all=true
lengen train study=first      carries out what is missing, interrupted or failed
"""


def main(arguments: list[str]) -> int:
    """Run the command."""
    return COMMAND.run(arguments)


def status(options: dict[str, str]) -> int:
    """Print how far a study is, or all of them."""
    listed = options["all"]
    require(listed in ("true", "false"), f"all={listed}: must be true or false")
    return one(options) if options["study"] else every(options["results_dir"])


def one(options: dict[str, str]) -> int:
    """Print how far a study is."""
    from lengen.cli.queued_runs import QueuedRuns
    from lengen.studies.plan_file import existing, read_plan
    from lengen.studies.progress import Progress

    path = existing(options["results_dir"], options["study"])
    progress = Progress.of(path, read_plan(path), QueuedRuns())
    for line in progress.lines(everything=options["all"] == "true"):
        print(visible(line))
    return 0 if progress.finished else FAILED


def every(results_dir: str) -> int:
    """Print a line for each study; one whose file cannot be read is named."""
    from lengen.cli.queued_runs import QueuedRuns
    from lengen.studies.places import studies_folder, study_names
    from lengen.studies.plan_file import read_plan
    from lengen.studies.progress import COLUMNS, Progress, table

    folder, rows, damaged = studies_folder(results_dir), [list(COLUMNS)], list[str]()
    queue = QueuedRuns()
    for name in study_names(results_dir):
        path = folder / f"{name}.yaml"
        try:
            rows.append(Progress.of(path, read_plan(path), queue).row())
        except (UsageError, OSError) as error:
            damaged.append(one_line(str(error)))
    if len(rows) == 1 and not damaged:
        print(f"lengen: no study in {folder}; lengen train -m makes one")
    for line in (*(table(rows) if len(rows) > 1 else ()), *damaged):
        print(visible(line))
    return 0


COMMAND = PlainCommand(
    status, HELP, {"study": "", "results_dir": RESULTS, "all": "false"}, first="study", place="results_dir"
)
