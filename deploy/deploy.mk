# What proves the deployment, rung by rung; included by the Makefile. Each target says what it does not prove.

# --- manifests: names, schemas, policy


# --- the cluster simulator and kubectl


# --- images


# --- watching: Prometheus, Alertmanager, dashboards


# --- backup, restore and the second region

.PHONY: kills-backup bench-backup

kills-backup: dev ## Kill backups and restores 20 times, lose everything, and count what comes back
	$(BIN)/python -m benchmarks.backup_kills

bench-backup: dev ## Measure time and size of a backup and its restore with 100,000 passages
	$(BIN)/python -m benchmarks.backup

