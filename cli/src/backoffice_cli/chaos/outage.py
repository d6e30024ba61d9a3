"""What is killed comes back: a server that stays down for a while, and how long anything is waited for."""

import signal

from backoffice_cli.chaos.fault import NotNowError, Planned
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.stack import holds
from backoffice_cli.stack.errors import StackError

BACK_SECONDS = 300
"""Several stacks may start services on two cores at the same moment: longer than this, and it hangs."""
DOWN_SECONDS = 10


def take_down(stage: Stage, planned: Planned, name: str) -> None:
    """Kill a server and keep it down until `bring_back`. Raises NotNowError unless it serves at the moment."""
    if not stage.is_ready(name):
        raise NotNowError(f"{name} is down already")
    holds.hold(stage.folder, name)
    try:
        stage.kept(planned)["killed"] = name, stage.signal(name, signal.SIGKILL)
    except NotNowError:
        holds.let_go(stage.folder, name)
        raise
    stage.until(lambda: not stage.is_ready(name), DOWN_SECONDS)
    stage.note(planned, f"SIGKILL to {name}")


def bring_back(stage: Stage, planned: Planned) -> None:
    """Let the supervisor start again what was taken down, and see beside the run that it serves.

    Beside the run, for a broker may need another one that a fault has yet to let go. Raises StackError there if it
    does not come back.
    """
    name, pid = stage.kept(planned)["killed"]
    holds.let_go(stage.folder, name)
    stage.note(planned, f"{name} may start")

    def see() -> None:
        await_return(stage, name, pid)
        stage.note(planned, f"{name} is back")

    stage.aside(see)


def await_return(stage: Stage, name: str, pid: int) -> None:
    """Wait until a part of the stack serves under another process id. Raises StackError when it does not."""
    back = stage.until(
        lambda: stage.component(name).pid not in {pid, None} and stage.is_ready(name), BACK_SECONDS
    )
    if not back:
        raise StackError(f"{name} did not come back within {BACK_SECONDS} s.", f"See: backoffice logs {name}")
