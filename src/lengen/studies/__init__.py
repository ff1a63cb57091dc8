"""A study: which runs belong to it, and what has become of each. Imports no torch.

| module | content |
|---|---|
| `words` | the words of its command: which belong to the study, how they name it, and how others replace them |
| `plan` | its runs by grids, and how grids are added |
| `places` | where the files of studies lie |
| `plan_file` | the YAML of a study, read and written |
| `run_state` | what the run folders say: done, running, failed, missing; and the queue, queued |
| `progress` | the counts, lists and time left of a study, as lines |

A study is the file `studies/NAME.yaml` beside the folder of its runs. It holds no results: these are in the run folders, which
may come from several machines.
"""
