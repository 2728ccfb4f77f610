"""What is to be run: jobs and services, as columns, and a synthetic lab that makes them."""

from __future__ import annotations

from equipoise.workload.model import Jobs, Service, Skipped, Workload

__all__ = ["Jobs", "Service", "Skipped", "Workload"]
