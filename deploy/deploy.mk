# What proves the deployment, rung by rung; included by the Makefile. Each target says what it does not prove.

# --- manifests: names, schemas, policy


# --- the cluster simulator and kubectl


# --- images

.PHONY: images verify-containers

images: wheel ## Build the application's image offline, on a minimal Debian or on IMAGES="--base …" (podman)
	$(BIN)/python -m scripts.build_images $(IMAGES)


# --- watching: Prometheus, Alertmanager, dashboards


# --- backup, restore and the second region

