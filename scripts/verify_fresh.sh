#!/usr/bin/env bash
# Tries the checkout as a newcomer would: in a minimal Debian with Python, venv and make only, and with
# an empty package cache. `make install` may use the package index; `make up` and `make test` then
# run with nothing but loopback. Uses podman, or a chroot made by debootstrap (needs root).
#
#   scripts/verify_fresh.sh            installs, asks over HTTP and on the page, runs the tests
#   KEEP=1 scripts/verify_fresh.sh     keeps the chroot for a look afterwards
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
cleanup() {
  for place in proc dev/pts dev; do
    if mountpoint -q "$work/root/$place"; then umount "$work/root/$place"; fi
  done
  if [ -z "${KEEP:-}" ]; then rm -rf "$work"; else echo "Kept: $work"; fi
}
trap cleanup EXIT

echo "Copying what git knows (a clean clone) …"
git clone --quiet --no-hardlinks . "$work/checkout"
rm -rf "$work/checkout/.git"   # A minimal machine has no git, and must not need it.

# How this machine reaches its package index is its own business; a trial elsewhere needs the same.
forwarded=()
for name in "${!PIP_@}" HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy; do
  if [ -n "${!name:-}" ] && [ "$name" != PIP_FIND_LINKS ]; then forwarded+=("$name=${!name}"); fi
done

cat > "$work/checkout/.trial.sh" <<'TRIAL'
set -eu
cd "$(dirname "$0")"
make install PIP="$PWD/.venv/bin/python -m pip --disable-pip-version-check --quiet --no-cache-dir"
make dev PIP="$PWD/.venv/bin/python -m pip --disable-pip-version-check --quiet --no-cache-dir"
echo "Installed. From here on there is only loopback."
exec unshare --net -- sh -euc '
  python3 scripts/loopback_up.py
  python3 scripts/trial.py make up
  make test
'
TRIAL

if command -v podman >/dev/null && podman info >/dev/null 2>&1; then
  echo "Trying in a podman container …"
  options=()
  for pair in "${forwarded[@]}"; do options+=(--env "$pair"); done
  # Unsharing the network inside needs the right to do so; nothing else is granted.
  podman run --rm --cap-add SYS_ADMIN --cap-add NET_ADMIN "${options[@]}" \
    --volume "$work/checkout:/checkout" "${IMAGE:-debian:stable-slim}" sh -euc '
      apt-get update -q
      apt-get install -q -y --no-install-recommends python3 python3-venv make ca-certificates
      sh /checkout/.trial.sh'
elif command -v debootstrap >/dev/null && [ "$(id -u)" -eq 0 ]; then
  echo "Trying in a chroot made by debootstrap …"
  debootstrap --variant=minbase --include=python3,python3-venv,make,ca-certificates \
    "${SUITE:-stable}" "$work/root" ${MIRROR:+"$MIRROR"} >"$work/debootstrap.log" 2>&1 ||
    { tail -n 20 "$work/debootstrap.log" >&2; exit 1; }
  mkdir -p "$work/root/checkout"
  cp -a "$work/checkout/." "$work/root/checkout/"
  for file in resolv.conf hosts pip.conf; do
    if [ -e "/etc/$file" ]; then cp -L "/etc/$file" "$work/root/etc/$file"; fi
  done
  # The certificates that this machine trusts, for an index behind a proxy of its own.
  cp -L /etc/ssl/certs/ca-certificates.crt "$work/root/etc/ssl/certs/ca-certificates.crt"
  mount -t proc proc "$work/root/proc"
  mount --bind /dev "$work/root/dev"
  mount --bind /dev/pts "$work/root/dev/pts"   # Tests talk to the product at a terminal.
  chroot "$work/root" env -i HOME=/checkout/home PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    "${forwarded[@]}" sh /checkout/.trial.sh
else
  echo "Neither podman nor debootstrap (as root) can be used here, so nothing was tried." >&2
  exit 1
fi
echo "The two commands work on a fresh minimal machine."
