# What proves the deployment, rung by rung; included by the Makefile. Each target says what it does not prove.

# --- manifests: names, schemas, policy

.PHONY: verify-static verify-names verify-cluster

verify-static: dev ## Render every overlay and component, validate it strictly, hold it to our policies
	$(BIN)/python -m pytest -q tests/deploy
	@if ls deploy/containers/*/Containerfile >/dev/null 2>&1; then \
	  $(BIN)/hadolint deploy/containers/*/Containerfile; else echo 'SKIPPED: no container files here.'; fi
	@if ls deploy/monitoring/rules/*.yml >/dev/null 2>&1 && command -v promtool >/dev/null; then \
	  promtool check rules deploy/monitoring/rules/*.yml; else echo 'SKIPPED: rules or promtool are not here.'; fi
	@echo 'Not proven: what a cluster makes of it (admission, scheduling, volumes, network plugin, autoscaler,'
	@echo 'Ingress or gateway, certificates), nor the Gateway API by its own schemas, which do not come with Kubernetes.'

verify-names: dev ## Compare the names that the runbook relies on with the manifests, row by row
	$(BIN)/python -m scripts.verify_names

verify-cluster: dev ## Look at your cluster (kubectl as it is set up); CLUSTER="--drills" breaks things, with consent
	$(BIN)/python -m scripts.verify_cluster $(CLUSTER)

# --- the cluster simulator and kubectl

.PHONY: kubectl simulator options options-machine

kubectl: dev ## Put the pinned kubectl into .venv/bin
	@$(BIN)/kubectl version --client

simulator: dev ## Try the real kubectl with the cluster simulator (a model: proves nothing of a real cluster)
	$(BIN)/python -m pytest tests/drills/cluster benchmarks/simulator $(PYTEST)

options: dev ## Each option of the runbook, by the engine, on the simulator: works, does not help, crashes midway
	$(BIN)/python -m benchmarks.options

options-machine: dev ## The same on real processes of this machine, to which real things happen (an hour)
	$(BIN)/python -m benchmarks.options --machine

# --- images

.PHONY: images verify-containers

images: wheel ## Build the application's image offline, on a minimal Debian or on IMAGES="--base …" (podman)
	$(BIN)/python -m scripts.build_images $(IMAGES)

verify-containers: images ## Run that image hardened: start, probes, drain, exec, cut the network, upgrade (podman, root)
	$(BIN)/python -m benchmarks.containers


# --- watching: Prometheus, Alertmanager, dashboards

.PHONY: alerts dashboards

alerts: dev ## Make each P0 real; does Prometheus tell of it, of nothing else, and take it back? (6 min)
	$(BIN)/python -m benchmarks.alerts

dashboards: dev ## Write deploy/monitoring/dashboards/ from the code
	$(BIN)/python -m scripts.build_dashboards


# --- backup, restore and the second region

.PHONY: kills-backup bench-backup

kills-backup: dev ## Kill backups and restores 20 times, lose everything, and count what comes back
	$(BIN)/python -m benchmarks.backup_kills

bench-backup: dev ## Measure time and size of a backup and its restore with 100,000 passages
	$(BIN)/python -m benchmarks.backup

.PHONY: failover
failover: suites ## Lead readers to a second region and back, by us and by the runbook's aws line
	$(BIN)/python -m benchmarks.second_region

# --- incidents

.PHONY: telling game-day drills

telling: dev ## Send alerts to the incident service and measure how long until everybody is told, once
	$(BIN)/python -m benchmarks.telling

game-day: dev kubectl ## Rehearse all four P0s: a real fault, an outside probe, the engine, a report with pictures
	$(BIN)/python -m benchmarks.game_day

drills: dev kubectl ## Rehearse every option, as it is and with Slack, the status page or the engine gone (hours)
	$(BIN)/python -m benchmarks.drills $(DRILLS)
