# shellcheck shell=bash
# Gives a base image for a Debian suite: the public one, or, where no registry answers, one made by mmdebstrap.
# Sourced by build-images.sh and devnode/containers/build.sh.

# How long the registry may take to give the public image before the local one is made instead.
readonly PULL_TIMEOUT_S=30

# base_image SUITE PUBLIC PACKAGE... prints the reference of a base image.
#
# The local image holds the packages already, so that a build from it needs no network; it is kept as a tar under
# the cache directory, by suite and day, and made by one process at a time. Words for people go to stderr.
base_image() {
    local suite=$1 public=$2
    shift 2
    if buildah inspect --type image "$public" >/dev/null 2>&1 \
        || timeout "$PULL_TIMEOUT_S" buildah pull --quiet "$public" >/dev/null 2>&1; then
        echo "$public"
        return
    fi
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/ns8-imapsync
    local key day name tar
    key=$(printf '%s ' "$suite" "$@" | sha256sum | cut -c1-12)
    day=$(date -u +%Y%m%d)
    name=localhost/debian-$suite-$key:$day
    tar=$cache/debian-$suite-$key-$day.tar
    mkdir -p "$cache"
    (
        flock 9
        if buildah inspect --type image "$name" >/dev/null 2>&1; then
            exit
        fi
        echo "No registry gives $public: Debian $suite is made here by mmdebstrap" >&2
        if [[ ! -s $tar ]]; then
            rm -f "$cache/debian-$suite-$key-"*.tar
            mmdebstrap --quiet --variant=minbase --include="$(IFS=,; echo "$*")" \
                --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
                --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
                "$suite" "$tar.part.tar" >&2
            mv "$tar.part.tar" "$tar"
        fi
        container=$(buildah from scratch)
        buildah add --quiet "$container" "$tar" / >/dev/null
        buildah commit --quiet --rm "$container" "$name" >/dev/null
    ) 9>"$cache/debian-$suite-$key.lock" || return
    echo "$name"
}
