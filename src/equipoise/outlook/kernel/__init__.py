"""The month of the labs, compiled: records, chance, compute, people and output. `outlook.run` calls it."""
