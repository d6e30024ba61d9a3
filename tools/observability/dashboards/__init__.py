"""Grafana's dashboards: the flow of trades for everybody, each service, and the servers that they stand on."""

from typing import Final

from observability.dashboards.flow import FLOW
from observability.dashboards.render import render
from observability.dashboards.servers import SERVERS
from observability.dashboards.service import SERVICE

DASHBOARDS: Final = (FLOW, SERVICE, SERVERS)

__all__ = ["DASHBOARDS", "render"]
