"""`backoffice up`."""

from dataclasses import replace
from typing import Annotated

import typer

from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.commands.status import describe, show
from backoffice_cli.console import failures, print_json, teller
from backoffice_cli.stack.control import bring_up, run_simulators
from backoffice_cli.stack.simulators import SERVERS
from backoffice_cli.stack.topology import choose, chosen


def up(
    state: StateFolder,
    *,
    servers_only: Annotated[
        bool, typer.Option("--servers-only", help="Leave the services to you: .backoffice/env/<service>.env.")
    ] = False,
    with_simulators: Annotated[
        bool, typer.Option("--simulators", help="Also run counterparties and a CSD, without faults.")
    ] = False,
    brokers: Annotated[
        int, typer.Option(help="1, or 3 that copy one another; kept from a folder's first start on.")
    ] = 0,
    traces: Annotated[
        bool,
        typer.Option(
            "--traces", help="Also keep traces, for `backoffice trace`; from a folder's first start on."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start the platform: Kafka, PostgreSQL, the identity provider and the five services, all on this machine.

    Returns once everything is ready; what runs already stays as it is. Exit code 1 when something did not come up.

    Example: `backoffice up && backoffice status`
    """
    with failures():
        topology = chosen(state.resolve())
        choose(
            state.resolve(),
            replace(topology, brokers=brokers or topology.brokers, traces=traces or topology.traces),
        )
        bring_up(state.resolve(), teller(), servers_only=servers_only)
        if with_simulators:
            run_simulators(state.resolve(), dict.fromkeys(SERVERS, ()))
    rows = describe(state.resolve())
    if as_json:
        print_json(rows)
    else:
        show(rows)
