"""The compiled heart of the policy; `equipoise.policy.state` builds what it works on.

Main path: `schedule.decide` is one pass over one pool; `schedule.submit` and `schedule.finish` are the events that call for one.
Read in the order layout, decay, calendar, placement, waiting, entitlement, claims, reclaim, turns, schedule.
"""
