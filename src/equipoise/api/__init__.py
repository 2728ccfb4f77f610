"""The HTTP interface of a live lab: who may do what (`roles`), by which token (`tokens`), and the routes.

Tokens are kept by their hash only; what each role may do is one table.
"""
