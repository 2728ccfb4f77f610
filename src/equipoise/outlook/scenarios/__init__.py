"""Scenarios that ship with the package: small YAML files, read by `equipoise.tasks.outlook`."""
