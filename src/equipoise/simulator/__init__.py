"""What would have happened: any job log replayed under any charter, in virtual time.

`run.simulate` is the main path: it lays workload and plan out (`policy.state.build`), lets `loop.run` move from instant
to instant, and collects what happened to jobs, teams and pools.
"""
