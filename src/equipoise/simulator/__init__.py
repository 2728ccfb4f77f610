"""What would have happened: any job log replayed under any charter, in virtual time.

`run.simulate` is the main path: it lays workload and plan out (`policy.state.build`) and moves a `replay.Replay` along
its `timeline.Timeline`, where `loop.run` goes from instant to instant; `results.results` says what happened.
"""
