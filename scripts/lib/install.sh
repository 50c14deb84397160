# shellcheck shell=bash
# What a bare Debian 12 lacks: apt packages, the Python environment .venv, the page's npm packages. Each function is
# quick when there is nothing to do, and safe when two run at once. Sourced with the repository as working directory.

# shellcheck source=scripts/lib/page.sh
source scripts/lib/page.sh

# install_packages PACKAGE... installs what is missing. No daemon is started by it.
install_packages() {
    local missing=() package
    for package in "$@"; do
        [[ $(dpkg-query --show --showformat '${db:Status-Abbrev}' "$package" 2>/dev/null) == ii* ]] \
            || missing+=("$package")
    done
    [[ ${#missing[@]} -eq 0 ]] && return
    if [[ $EUID -ne 0 ]]; then
        echo "These packages are missing and only root can install them: ${missing[*]}" >&2
        return 1
    fi
    (
        flock 9
        # invoke-rc.d asks this file whether a service may start: 101 is no.
        local policy=/usr/sbin/policy-rc.d
        if [[ ! -e $policy ]]; then
            printf '#!/bin/sh\nexit 101\n' >"$policy"
            chmod 755 "$policy"
            trap 'rm -f "$policy"' EXIT
        fi
        export DEBIAN_FRONTEND=noninteractive
        local install=(apt-get install --yes --quiet --no-install-recommends -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0)
        # The lists of a machine made from an image are missing or old.
        if [[ -z $(find /var/lib/apt/lists -name '*_Packages*' -mtime -1 -print -quit 2>/dev/null) ]]; then
            apt-get update --quiet -o DPkg::Lock::Timeout=600
        fi
        "${install[@]}" "${missing[@]}" || { apt-get update --quiet && "${install[@]}" "${missing[@]}"; }
    ) 9>/run/lock/ns8-imapsync-install.lock
}

# install_venv PART... makes .venv with the engine (editable) and those parts: "module" is the distribution in runtime/,
# the others are extras of pyproject.toml.
install_venv() {
    mkdir -p .cache
    (
        flock 9
        local done_file=.venv/.installed wanted parts extras projects have=
        wanted=$(printf '%s\n' "$@" | sort -u)
        projects=$(cat pyproject.toml runtime/pyproject.toml | sha256sum)
        [[ -f $done_file ]] && have=$(tail -n +2 "$done_file")
        if [[ -f $done_file && $(head -1 "$done_file") == "$projects" \
            && -z $(comm -23 <(echo "$wanted") <(echo "$have")) ]]; then
            exit
        fi
        parts=$(printf '%s\n%s\n' "$wanted" "$have" | sort -u | grep .)
        extras=$(grep -vx module <<<"$parts" | paste -sd,)
        if [[ ! -x .venv/bin/pip ]]; then
            python3 -c 'import ensurepip' 2>/dev/null || install_packages python3-venv || exit
            rm -rf .venv
            python3 -m venv .venv || exit
        fi
        local install=(.venv/bin/pip install --quiet --disable-pip-version-check --editable)
        "${install[@]}" ".${extras:+[$extras]}" || exit
        # After it: an engine of before had the command syncctl, and takes it along when it goes.
        if grep -qx module <<<"$parts"; then
            "${install[@]}" ./runtime || exit
        fi
        printf '%s\n%s\n' "$projects" "$parts" >"$done_file"
    ) 9>.cache/venv.lock
}
