"""All kinds of senders, by the names that rules have for them."""

from __future__ import annotations

from triggers.sources import alertmanager, github, grafana, pagerduty, standard
from triggers.sources.source import Kind

KINDS: dict[str, Kind] = {
    'alertmanager': alertmanager.KIND,
    'grafana': grafana.KIND,
    'pagerduty': pagerduty.KIND,
    'github': github.KIND,
    'standard': standard.KIND,
}
