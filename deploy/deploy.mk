# What proves the deployment, rung by rung; included by the Makefile. Each target says what it does not prove.

# --- manifests: names, schemas, policy


# --- the cluster simulator and kubectl

.PHONY: kubectl simulator options

kubectl: dev ## Put the pinned kubectl into .venv/bin
	@$(BIN)/kubectl version --client

simulator: dev ## Try the real kubectl with the cluster simulator (a model: proves nothing of a real cluster)
	$(BIN)/python -m pytest tests/drills/cluster $(PYTEST)

options: dev ## Each option of the runbook, by the engine, on the simulator: works, does not help, crashes midway
	$(BIN)/python -m benchmarks.options

# --- images


# --- watching: Prometheus, Alertmanager, dashboards


# --- backup, restore and the second region

