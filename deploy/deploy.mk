# What proves the deployment, rung by rung; included by the Makefile. Each target says what it does not prove.

# --- manifests: names, schemas, policy


# --- the cluster simulator and kubectl


# --- images


# --- watching: Prometheus, Alertmanager, dashboards


# --- backup, restore and the second region


.PHONY: failover
failover: suites ## Lead readers to a second region and back, by us and by the runbook's aws line
	$(BIN)/python -m benchmarks.second_region
