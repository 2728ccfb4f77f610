"""The policy: events in, decisions out; one deterministic core for simulator, controller and audit.

`plan` turns a charter into the rules of a run (`charter`, or a baseline such as `fifo`); `state.build` lays a workload
and a plan out as the arrays that the kernel works on.
"""
