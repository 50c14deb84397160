#!/usr/bin/env bash
# Builds the two images of the module with buildah:
#   imapsync-binary  the runtime: engine, syncctl, cronie (Containerfile)
#   imapsync         the module: imageroot and the built page, never run (labels tell the cluster how to install it)
#
# Environment:
#   REPOBASE       where the images belong            (default ghcr.io/nethserver)
#   IMAGETAG       tag of the two images              (default latest)
#   BASE           base image of the runtime          (default the public Debian; mmdebstrap's where no registry answers)
#   CI             set by a pipeline: names go to GITHUB_OUTPUT instead of push commands to the terminal
# Needs buildah, npm and python3 with pip (.venv has it); mmdebstrap where no registry answers.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
# shellcheck source=scripts/lib/base-image.sh
source scripts/lib/base-image.sh
# shellcheck source=scripts/lib/page.sh
source scripts/lib/page.sh

repobase=${REPOBASE:-ghcr.io/nethserver}
imagetag=${IMAGETAG:-latest}
runtime=$repobase/imapsync-binary
module=$repobase/imapsync
# What the Containerfile asks for; a local base brings them.
readonly RUNTIME_PYTHON=3.13
readonly RUNTIME_PACKAGES=(python3 cronie ca-certificates systemd-standalone-sysusers)

work=$(mktemp -d)
clean_up() {
    # Parts that still run when another has failed.
    jobs -p | xargs --no-run-if-empty kill 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT

build_runtime() {
    local base
    base=${BASE:-$(base_image trixie docker.io/library/debian:trixie-slim "${RUNTIME_PACKAGES[@]}")}
    stage_libraries || return
    buildah bud --quiet --isolation chroot --layers=false --build-arg BASE="$base" \
        --build-context libraries="$work/libraries" \
        --build-arg PACKAGES="${RUNTIME_PACKAGES[*]}" \
        --label org.opencontainers.image.title=imapsync-binary \
        --label org.opencontainers.image.licenses=GPL-3.0-or-later \
        --tag "$runtime:$imagetag" --tag "$runtime" . >"$work/runtime.log" 2>&1
}

build_page() {
    install_page_packages
    (cd ui && npm run build)
} >"$work/page.log" 2>&1

# runtime_requirements PYTHON: what runtime/pyproject.toml pins, one a line.
runtime_requirements() {
    "$1" -c 'import tomllib
print(*tomllib.load(open("runtime/pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")'
}

# The container's libraries, for its Python and not for the one here.
stage_libraries() {
    local python=python3
    [[ -x .venv/bin/python ]] && python=.venv/bin/python
    mkdir -p "$work/libraries"
    runtime_requirements "$python" | grep -Eiv '^(python-crontab|prometheus-client)==' >"$work/requirements"
    "$python" -m pip install --quiet --no-deps --no-compile --only-binary=:all: --implementation cp \
        --python-version "$RUNTIME_PYTHON" --platform "manylinux_2_34_$(uname -m)" --platform "manylinux2014_$(uname -m)" \
        --target "$work/libraries" --requirement "$work/requirements"
    rm -rf "$work/libraries/bin"
} >"$work/libraries.log" 2>&1

# The agent's Python has neither python-crontab nor prometheus_client: the module carries the pinned versions in its pypkg.
stage_imageroot() {
    local python=python3 requirements
    [[ -x .venv/bin/python ]] && python=.venv/bin/python
    mapfile -t requirements < <(runtime_requirements "$python" | grep -Ei '^(python-crontab|prometheus-client)==')
    cp -a imageroot "$work/imageroot"
    "$python" -m pip install --quiet --no-deps --no-compile --target "$work/pypkg" "${requirements[@]}"
    rm -rf "$work/pypkg/bin"
    cp -a "$work/pypkg/." "$work/imageroot/pypkg/"
    find "$work/imageroot" -name __pycache__ -prune -exec rm -rf '{}' +
} >"$work/imageroot.log" 2>&1

build_module() {
    local container
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$work/imageroot" /imageroot
    buildah add --quiet "$container" ui/dist /ui
    buildah config --entrypoint=/ \
        --label org.nethserver.authorizations=mail@any:mailadm \
        --label org.nethserver.rootfull=0 \
        --label org.nethserver.tcp-ports-demand=1 \
        --label org.nethserver.images="$runtime:$imagetag" \
        --label org.nethserver.min-core=3.20.1 \
        --label org.opencontainers.image.title=imapsync \
        --label org.opencontainers.image.licenses=GPL-3.0-or-later \
        "$container"
    buildah commit --quiet --rm "$container" "$module:$imagetag"
    buildah tag "$module:$imagetag" "$module"
} >"$work/module.log" 2>&1

# await NAME PID: waits for a part; its whole output is shown when it failed.
await() {
    if ! wait "$2"; then
        echo "build-images: $1 failed" >&2
        cat "$work/$1.log" >&2
        exit 1
    fi
    echo "built: $1 (${SECONDS} s)"
}

build_runtime & runtime_pid=$!
build_page & page_pid=$!
stage_imageroot & imageroot_pid=$!
await imageroot "$imageroot_pid"
await page "$page_pid"
build_module & await module $!
await runtime "$runtime_pid"

images=("$module" "$runtime")
if [[ -n ${CI:-} ]]; then
    # The publishing workflow adds the tags itself and wants lower-case names.
    printf 'images=%s\n' "${images[*],,}" >>"${GITHUB_OUTPUT:-/dev/stdout}"
else
    printf 'To publish:\n'
    for image in "${images[@],,}"; do
        printf '    buildah push %s docker://%s:%s\n' "$image:$imagetag" "$image" "$imagetag"
    done
fi
