"""What a course does to a lab's people, knowledge and lead: labs and teams, month by month, many times.

The main path: a `World` of labs (`labs`) is run by `run.forecast`, each run with parameters of its own (`parameters`, `draws`) through the
compiled month (`kernel.month`); `differences.compare` sets two courses against each other under the same luck, `checks` holds the model
against public facts, `drivers` says what results hang on. Scenarios as files are read by `equipoise.tasks.scenario`.

Examples
--------
>>> from equipoise.outlook.run import forecast
>>> from equipoise.tasks.scenario import scenario
>>> found = forecast(scenario("charter-kept").world, runs=40)
>>> found.runs, int(found.end("people_error").max())
(40, 0)
"""
