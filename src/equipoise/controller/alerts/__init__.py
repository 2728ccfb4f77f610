"""What somebody should know now, told once: promises at risk or past saving, starving teams, emergencies, gates, ledger trouble.

Main path: `Alerts` (service.py) looks at the controller (`vitals`, `entries`), judges (conditions.py, entered.py), compares with what
is open (book.py) and delivers (delivery.py), each in its own thread and never in the controller's. Owners' notices go the same way.
"""

from __future__ import annotations

from equipoise.controller.alerts.alert import Alert, Condition, Kind
from equipoise.controller.alerts.delivery import deliver, signature
from equipoise.controller.alerts.hooks import Hooks
from equipoise.controller.alerts.service import Alerts, AlertStatus
from equipoise.controller.alerts.settings import Notices, Program, Settings, Webhook

__all__ = [
    "Alert",
    "AlertStatus",
    "Alerts",
    "Condition",
    "Hooks",
    "Kind",
    "Notices",
    "Program",
    "Settings",
    "Webhook",
    "deliver",
    "signature",
]
