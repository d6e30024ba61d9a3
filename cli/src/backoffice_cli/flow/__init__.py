"""Trades on their way: the front office that publishes them, and knowing when nothing moves any more."""

from backoffice_cli.flow.front_office import FrontOffice, record_of
from backoffice_cli.flow.quiet import Quiet, consumed
from backoffice_cli.flow.switches import Switches, command_line

__all__ = ["FrontOffice", "Quiet", "Switches", "command_line", "consumed", "record_of"]
