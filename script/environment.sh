# The virtual environment of this checkout, made on first use. Source it after `set -euo pipefail`, then:
#
#   prepare run|dev        make .venv hold what is needed to run, or to develop; instant when it does already
#   need_system NAME...    apt-get install what is missing when root; else set MISSING_SYSTEM to what stays missing
#
# Packages are those of requirements/*.txt, checked by hash. Uses uv when it is there, else venv and pip.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
MISSING_SYSTEM=()

say() { printf '%s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

prepare() { # run|dev
  local group=$1 wanted
  wanted=$(environment_key "$group")
  # Whoever develops can also run; the other way round there are packages to add.
  for stamp in "$venv/.equipoise-dev" "$venv/.equipoise-$group"; do
    if [[ $group == "${stamp##*-}" || $stamp == *-dev ]] && [[ -x $venv/bin/equipoise ]] &&
      [[ $(cat "$stamp" 2>/dev/null) == $(environment_key "${stamp##*-}") ]] && usable_python "$venv/bin/python"; then
      export PATH="$venv/bin:$PATH" VIRTUAL_ENV="$venv"
      return
    fi
  done
  say "Setting up $venv (once) ..."
  make_environment
  install_packages "$group"
  printf '%s\n' "$wanted" >"$venv/.equipoise-$group"
  export PATH="$venv/bin:$PATH" VIRTUAL_ENV="$venv"
}

# What the environment depends on: change any of it and it is brought up to date. The place is in it because a virtual
# environment does not survive being moved.
environment_key() { # run|dev
  { printf '%s\n' "$1" "$root"; cat "$root/pyproject.toml" "$root/requirements/$1.txt" "$root/src/equipoise/web/package-lock.json"; } | sha256sum | cut -d' ' -f1
}

usable_python() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' >/dev/null 2>&1; }

find_python() {
  local name
  for name in "${PYTHON:-python3}" python3 python3.14 python3.13 python3.12 python3.11; do
    if usable_python "$name"; then
      command -v "$name"
      return
    fi
  done
  return 1
}

make_environment() {
  if usable_python "$venv/bin/python"; then
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 && return
    command -v uv >/dev/null && return
  fi
  rm -rf "$venv"
  local python
  if ! python=$(find_python); then
    die "Equipoise needs Python 3.11 to 3.14, and none was found." \
      $'\n'"  Debian, Ubuntu:  apt install python3 python3-venv" \
      $'\n'"  elsewhere:       name one with PYTHON=/path/to/python3"
  fi
  if command -v uv >/dev/null; then
    uv venv --quiet --python "$python" "$venv"
    return
  fi
  if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    install_venv_module "$python"
  fi
  "$python" -m venv "$venv"
}

# Debian and Ubuntu ship Python without the part of it that makes virtual environments.
install_venv_module() { # python
  local version
  version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    say "Installing python$version-venv (this Python cannot make virtual environments) ..."
    if apt_install "python$version-venv" || apt_install python3-venv; then
      "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 && return
    fi
  fi
  die "$1 cannot make a virtual environment. Install the missing part, then run this again:" \
    $'\n'"  sudo apt install python$version-venv"
}

install_packages() { # run|dev
  local requirements=(--requirement "$root/requirements/$1.txt")
  # The dashboard's modules come by npm; where there is none, Node.js comes from PyPI (who develops has it already).
  command -v npm >/dev/null || [[ $1 == dev ]] || requirements+=(--requirement "$root/requirements/node.txt")
  if command -v uv >/dev/null; then
    uv pip install --quiet --python "$venv/bin/python" --require-hashes "${requirements[@]}"
    uv pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable "$root"
    build_dashboard
    return
  fi
  local pip=("$venv/bin/python" -m pip --quiet --disable-pip-version-check)
  "${pip[@]}" install --require-hashes "${requirements[@]}"
  "${pip[@]}" install --no-deps --no-build-isolation --editable "$root"
  build_dashboard
}

# The build's hook has done it, but pip and uv do not show what it says where it could not.
build_dashboard() {
  "$venv/bin/python" "$root/packaging/web_vendor.py" >/dev/null || say "Everything but the dashboard works."
}

apt_updated=
apt_install() { # package...
  if [[ -z $apt_updated ]]; then
    apt-get update -qq >/dev/null 2>&1 || true # an old package list may still be good enough
    apt_updated=yes
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1
}

# Debian's package of PostgreSQL starts a server when it is installed; tests start their own, so it need not.
no_main_cluster() {
  local settings=/etc/postgresql-common/createcluster.conf
  [[ $(id -u) == 0 && ! -e $settings ]] && command -v apt-get >/dev/null || return 0
  [[ " ${system_needs[*]} " == *" initdb=postgresql "* ]] || return 0
  mkdir -p "${settings%/*}"
  printf 'create_main_cluster = false\n' >"$settings"
}

# Each name is COMMAND=PACKAGE: the command that must exist, and the Debian package that brings it.
need_system() {
  local pair command package
  for pair in "$@"; do
    command=${pair%%=*} package=${pair#*=}
    command -v "$command" >/dev/null && continue
    if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
      say "Installing $package ..."
      apt_install "$package" && continue
    fi
    MISSING_SYSTEM+=("$package")
  done
}
