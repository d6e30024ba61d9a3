"""What PostgreSQL's errors mean to a client, by SQLSTATE."""

import asyncpg
import sqlalchemy.exc

from backoffice_chassis.http.problems import Problem, conflict, unavailable

_INTEGRITY = {
    "23505": ("already-exists", "Something with the same key exists already"),
    "23P01": ("overlaps", "It overlaps something that exists already"),
}
_RULE = "A rule of the books refuses it"
_REFUSED = {
    "23502": "a value that must be given is missing",
    "23503": "it names something that is unknown, or that others still refer to",
    "23514": "a value is outside what is allowed",
}

_LOST = (sqlalchemy.exc.TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
_CANCELLED = "57014"


def database_problem(error: BaseException) -> Problem | None:
    """Return the problem that tells a client about a database error, None when the error is a defect of ours.

    The text names the constraint, never the values: they may be personal.
    """
    if gave_no_answer(error):
        return _unreachable()
    cause = _driver_error(error)
    if isinstance(cause, asyncpg.PostgresError):
        return _by_state(cause)
    return _invalid_value() if isinstance(cause, asyncpg.DataError) else None


def gave_no_answer(error: BaseException) -> bool:
    """Tell whether the connection ended or stood still over a statement: nobody knows what became of that one."""
    cause = _driver_error(error)
    if isinstance(cause, asyncpg.PostgresError):
        state = cause.sqlstate or ""
        return state[:2] in {"08", "57"} and state != _CANCELLED
    return isinstance(cause, _LOST) and not isinstance(cause, asyncpg.DataError)


def _driver_error(error: BaseException) -> BaseException | None:
    """Return asyncpg's own exception: SQLAlchemy wraps it twice."""
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        return error.orig.__cause__ or error.orig if error.orig else None
    return error


def _by_state(error: asyncpg.PostgresError) -> Problem | None:
    state = error.sqlstate or ""
    return _refused(state, error) or _not_now(state)


def _refused(state: str, error: asyncpg.PostgresError) -> Problem | None:
    constraint = getattr(error, "constraint_name", None)
    named = f" ({constraint})" if constraint else ""
    if state in _INTEGRITY:
        slug, title = _INTEGRITY[state]
        return conflict(slug, f"{title}{named}.", title="Already there")
    if state in _REFUSED:
        return Problem(422, "refused-by-database", _RULE, f"The books refuse it: {_REFUSED[state]}{named}.")
    if state == "P0001":  # raised by a trigger of ours, in words meant for people
        return conflict("refused-by-database", str(error.args[0]), title=_RULE)
    return _invalid_value() if state.startswith("22") else None


def _not_now(state: str) -> Problem | None:
    if state in {"40001", "40P01", "55P03"}:
        return unavailable("Somebody else is changing the same thing: send it again.", retry_after=1)
    if state == _CANCELLED:
        return unavailable(
            "The database took too long, nothing was changed: narrow the request.", slug="too-slow"
        )
    if state[:2] in {"53", "58"} or state == "25006":
        return _unreachable()
    return None


def _unreachable() -> Problem:
    return unavailable("The database can't be reached; nothing was changed. Send the same request again.")


def _invalid_value() -> Problem:
    return Problem(422, "invalid-value", "A value can't be stored", "A value is malformed or out of range.")
