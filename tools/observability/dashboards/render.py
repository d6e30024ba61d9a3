"""From a description to the JSON that Grafana reads, by Grafana's own library."""

from collections.abc import Iterator, Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import stat, timeseries
from grafana_foundation_sdk.builders.common import VizLegendOptions
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from observability.dashboards.model import Dashboard, Panel, Query

SERVICES: Final = ("trade-capture", "compliance", "settlement", "ledger", "hr")

_PROMETHEUS: Final = DataSourceRef("prometheus", "prometheus")
_COLUMNS: Final = 24
_NARROW, _WIDE = 4, 8


def render(dashboard: Dashboard) -> str:
    """Return the JSON of a dashboard."""
    builder = (
        build.Dashboard(dashboard.title)
        .uid(dashboard.uid)
        .description(dashboard.meaning)
        .tags(["backoffice"])
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("browser")
        .readonly()
    )
    if dashboard.for_each_service:
        choice = build.CustomVariable("service").label("Service").values(",".join(SERVICES))
        builder = builder.with_variable(choice)
    for row in dashboard.rows:
        builder = builder.with_row(build.Row(row.title))
        for panel in row.panels:
            builder = builder.with_panel(_panel(panel).span(_width(panel, row.panels)).height(8))
    return f"{JSONEncoder(sort_keys=True, indent=1).encode(builder.build())}\n"


def _width(panel: Panel, row: Sequence[Panel]) -> int:
    """A figure is narrow, and of lines three stand side by side; a row of figures alone is shared out."""
    if not panel.number:
        return _WIDE
    return _COLUMNS // len(row) if all(each.number for each in row) else _NARROW


def _panel(panel: Panel) -> stat.Panel | timeseries.Panel:
    builder: stat.Panel | timeseries.Panel = stat.Panel() if panel.number else _lines()
    builder = builder.title(panel.title).description(panel.meaning).unit(panel.unit).datasource(_PROMETHEUS)
    for target in _targets(panel.queries):
        builder = builder.with_target(target)
    return builder


def _lines() -> timeseries.Panel:
    legend = VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    return timeseries.Panel().min(0).legend(legend.show_legend(True))


def _targets(queries: Sequence[Query]) -> Iterator[Dataquery]:
    for letter, query in zip("ABCDEFGH", queries, strict=False):
        yield Dataquery().expr(query.expression).legend_format(query.legend).ref_id(letter)
