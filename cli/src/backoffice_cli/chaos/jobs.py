"""Seeds side by side: each job is a `backoffice chaos` of its own, with stacks of its own."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def side_by_side(jobs: int, seeds: Sequence[int], state: Path, options: Sequence[str]) -> bool:
    """Run the seeds in so many processes, which print for themselves; return whether every one ended well.

    options: of the command, the same for all. The stacks lie in `job-N` under the state folder.
    """
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "backoffice_cli.main", "chaos", *options),
                *("--seeds", ",".join(map(str, seeds[job::jobs])), "--state", str(state / f"job-{job + 1}")),
            ],
            start_new_session=True,  # an interrupt reaches them once, through us: a second would stop their tidying up
        )
        for job in range(min(jobs, len(seeds)))
    ]
    try:
        codes = [process.wait() for process in processes]
    except KeyboardInterrupt:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
        raise
    return not any(codes)
