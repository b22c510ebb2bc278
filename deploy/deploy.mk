# What proves the deployment, rung by rung; included by the Makefile. Each target says what it does not prove.

# --- manifests: names, schemas, policy


# --- the cluster simulator and kubectl


# --- images


# --- watching: Prometheus, Alertmanager, dashboards

.PHONY: alerts dashboards

alerts: dev ## Make each P0 real; does Prometheus tell of it, of nothing else, and take it back? (6 min)
	$(BIN)/python -m benchmarks.alerts

dashboards: dev ## Write deploy/monitoring/dashboards/ from the code
	$(BIN)/python -m scripts.build_dashboards


# --- backup, restore and the second region

