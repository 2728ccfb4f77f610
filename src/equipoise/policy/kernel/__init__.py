"""The compiled heart of the policy; `equipoise.policy.state` builds what it works on.

Main path: `schedule.decide` is one pass over one pool; `submission.submit` and `submission.finish` are events that call for one.
Read in the order layout, decay, calendar, placement, waiting, entitlement, running, claims, victims, reclaim, turns, submission,
shadow, restoring, schedule, services, capacity.
"""
