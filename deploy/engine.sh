#!/usr/bin/env bash
# A container engine and a base image where there is none: for root on Debian, e.g. in .ci/run.
#
#   deploy/engine.sh start FOLDER   installs Docker and debootstrap where they lack, starts an engine of its own in FOLDER,
#                                   makes the image starsieve-base (Debian 13 with its Python 3.13), prints what to export
#   deploy/engine.sh stop FOLDER    ends that engine, removes FOLDER
#
# Exit code 3: no engine can be had here, and the last line says why.
set -euo pipefail
base=starsieve-base

cannot() { echo "no container engine: $*" >&2; exit 3; }

start() {
  if docker version >/dev/null 2>&1 && docker pull --quiet python:3.13-slim >/dev/null 2>&1; then
    echo ": an engine is here, and has the official base image"
    return
  fi
  [ "$(id -u)" -eq 0 ] || cannot "starting one needs root"
  command -v apt-get >/dev/null || cannot "this is not Debian"
  local missing=()
  command -v dockerd >/dev/null || missing+=(docker.io)
  command -v debootstrap >/dev/null || missing+=(debootstrap)
  if [ ${#missing[@]} -gt 0 ]; then
    { apt-get update -qq
      DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends "${missing[@]}" </dev/null
    } >&2 || cannot "cannot install ${missing[*]}"
  fi

  mkdir -p "$folder"
  export DOCKER_HOST="unix://$folder/docker.sock"
  # No networks of its own: that would need rights on the machine's firewall. Containers use the machine's network.
  setsid dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" --host "$DOCKER_HOST" \
    --storage-driver overlay2 --bridge=none --iptables=false --ip6tables=false >"$folder/log" 2>&1 </dev/null &
  for _ in $(seq 60); do
    docker version >/dev/null 2>&1 && break
    kill -0 $! 2>/dev/null || { tail -n 3 "$folder/log" >&2; cannot "dockerd ended"; }
    sleep 0.5
  done
  docker version >/dev/null 2>&1 || { tail -n 3 "$folder/log" >&2; cannot "dockerd does not answer"; }

  if ! docker image inspect $base >/dev/null 2>&1; then
    local root="$folder/root"
    debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates \
      trixie "$root" >"$folder/debootstrap.log" 2>&1 \
      || { tail -n 3 "$folder/debootstrap.log" >&2; cannot "debootstrap failed"; }
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}
    # how this machine reaches a package index, if in a way of its own
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    [ ! -e /etc/pip.conf ] || cp -L /etc/pip.conf "$root/etc/"
    tar -C "$root" -c . | docker import - $base >/dev/null
    rm -rf "$root"
  fi
  echo "export DOCKER_HOST=$DOCKER_HOST DOCKER_BUILDKIT=0 DOCKER_BUILD='--network host --build-arg PYTHON=$base'"
}

stop() {
  [ -e "$folder/pid" ] || return 0
  local pid
  pid=$(cat "$folder/pid")
  kill "$pid" 2>/dev/null || true
  for _ in $(seq 60); do kill -0 "$pid" 2>/dev/null || break; sleep 0.5; done
  umount "$folder"/exec/netns/* 2>/dev/null || true # the engine leaves it behind
  rm -rf "$folder"
}

folder=${2:?start or stop, and a folder}
"$1"
