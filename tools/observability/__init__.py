"""What is generated from the declared metrics: docs/metrics.md and Grafana's dashboards."""
