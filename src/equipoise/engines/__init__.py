"""Engines: what executes the decisions of the policy. They start, warn and stop jobs, report what happened, and never decide.

`protocol.Engine` is what the controller asks of every one of them; each passes the contract suite in `tests/contract`.
"""
