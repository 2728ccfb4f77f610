"""What is to be run: jobs and services, as columns, and a synthetic lab that makes them."""

from __future__ import annotations

from equipoise.workload.model import Jobs, Service, Skipped, Workload
from equipoise.workload.requests import Refusals, Requests

__all__ = ["Jobs", "Refusals", "Requests", "Service", "Skipped", "Workload"]
