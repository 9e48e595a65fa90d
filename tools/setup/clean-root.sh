#!/bin/bash
# Prove the two commands on a fresh Debian 12: a debootstrap root with git and make, a clone, `make demo`, `make test`, then both
# again without any network. Needs root, debootstrap and some 4 GB. This machine's apt, certificate, pip and npm settings are copied in.
#   tools/setup/clean-root.sh ROOT [COMMIT]
set -euo pipefail
root=${1:?usage: tools/setup/clean-root.sh ROOT [COMMIT]}
source=$(cd "$(dirname "$0")/../.." && pwd)
commit=$(git -C "$source" rev-parse "${2:-HEAD}")
[ "$(id -u)" = 0 ] || { echo "clean-root: needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "clean-root: apt-get install debootstrap" >&2; exit 1; }

if [ ! -x "$root/usr/bin/apt-get" ]; then
  debootstrap --variant=minbase bookworm "$root" | tail -n 1
fi
for name in apt/sources.list apt/sources.list.d apt/apt.conf.d pip.conf resolv.conf; do
  rm -rf "${root:?}/etc/$name"
  [ ! -e "/etc/$name" ] || cp -rL "/etc/$name" "$root/etc/$name"
done
rm -f "$root"/etc/apt/apt.conf.d/docker*  # those drop every package after its install
settings=$(env | grep -E '^(https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY|PIP_INDEX_URL|PIP_EXTRA_INDEX_URL|(npm_config|NPM_CONFIG)_registry)=' || true)
for authority in "${PIP_CERT:-}" "${SSL_CERT_FILE:-}"; do
  if [ -f "$authority" ]; then  # beside Debian's own folder, which installing ca-certificates writes anew
    cp "$authority" "$root/etc/ssl-host.crt"
    settings="$settings PIP_CERT=/etc/ssl-host.crt SSL_CERT_FILE=/etc/ssl-host.crt NODE_EXTRA_CA_CERTS=/etc/ssl-host.crt"
    break
  fi
done

# In a mount namespace of its own, so that /proc and /dev go when it ends. $1: "" or --net for no network.
inside() {
  local net=$1; shift
  unshare --mount $net bash -ec '
    root=$1; shift
    mount --bind /proc "$root/proc"; mount --rbind /dev "$root/dev"
    exec chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"' inside "$root" $settings "$@"
}
timed() { local start=$SECONDS; "$@"; echo "clean-root: $((SECONDS - start)) s: ${*:2}"; }

inside "" sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends git make >/dev/null 2>&1 && apt-get clean'
rm -rf "$root/root/deepface" "$root/root/.deepface"
git clone -q --no-hardlinks "$source" "$root/root/deepface"
git -C "$root/root/deepface" checkout -q --detach "$commit"
inside "" git -C /root/deepface log --oneline -n 1
for net in "" --net; do
  [ -z "$net" ] || echo "clean-root: again, without the network"
  timed inside "$net" make -C /root/deepface demo
  timed inside "$net" make -C /root/deepface test
done
