"""`backoffice token`."""

from typing import Annotated

import typer

from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.console import failures, print_json
from backoffice_cli.platform import Platform
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.plan import PEOPLE_PER_ROLE, ROLES

Role = Annotated[str, typer.Option("--role", "-r", help=f"One of: {', '.join(ROLES)}.")]
Person = Annotated[
    int, typer.Option("--person", min=1, max=PEOPLE_PER_ROLE, help="Who of that role: four eyes need two.")
]

Entity = Annotated[
    list[str] | None,
    typer.Option(
        "--entity", help="LEI of an entity of the firm: the token is for its books alone. Repeatable."
    ),
]
Book = Annotated[
    list[str] | None, typer.Option("--book", help="Book: the token is for it alone. Repeatable.")
]


def token(  # noqa: PLR0917  one for each option
    state: StateFolder,
    role: Role,
    person: Person = 1,
    entity: Entity = None,
    book: Book = None,
    as_json: AsJson = False,
) -> None:
    """Fetch an access token from the local issuer, to call the APIs as somebody of a role.

    Exit code 1 when the platform is not up, the role is unknown, or the issuer does not limit tokens when asked to.

    Example: `curl -H "Authorization: Bearer $(backoffice token --role operations)" $URL/trades`
    """
    limits = {name: some for name, some in (("entities", entity), ("books", book)) if some}
    with failures():
        if role not in ROLES:
            raise StackError(f"There is no role {role}.", f"There are: {', '.join(ROLES)}.")
        answer = Platform.running(state.resolve()).token(role, person, limits)
    if as_json:
        print_json(answer)
    else:
        typer.echo(answer["access_token"])
