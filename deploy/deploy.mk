# What proves the deployment, rung by rung; included by the Makefile. Each target says what it does not prove.

# --- manifests: names, schemas, policy


# --- the cluster simulator and kubectl


# --- images


# --- watching: Prometheus, Alertmanager, dashboards


# --- backup, restore and the second region

