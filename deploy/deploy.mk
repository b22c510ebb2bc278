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


# --- images

.PHONY: images verify-containers

images: wheel ## Build the application's image offline, on a minimal Debian or on IMAGES="--base …" (podman)
	$(BIN)/python -m scripts.build_images $(IMAGES)


# --- watching: Prometheus, Alertmanager, dashboards


# --- backup, restore and the second region

# --- incidents

.PHONY: telling

telling: dev ## Send alerts to the incident service and measure how long until everybody is told, once
	$(BIN)/python -m benchmarks.telling
