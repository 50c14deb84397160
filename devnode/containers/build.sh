#!/usr/bin/env bash
# Builds the images of the stand-in Mail module: `mail-dovecot` (Dovecot with Pigeonhole; the remote account's server
# runs it too) and `mail` (the module). REPOBASE and IMAGETAG as for build-images.sh.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
# shellcheck source=scripts/lib/base-image.sh
source ../../scripts/lib/base-image.sh

repobase=${REPOBASE:-ghcr.io/nethserver}
imagetag=${IMAGETAG:-latest}
readonly DOVECOT_PACKAGES=(dovecot-core dovecot-imapd dovecot-sieve dovecot-managesieved dovecot-lmtpd openssl)

base=$(base_image bookworm docker.io/library/debian:bookworm-slim "${DOVECOT_PACKAGES[@]}")
buildah bud --quiet --isolation chroot --layers=false --build-arg BASE="$base" \
    --build-arg PACKAGES="${DOVECOT_PACKAGES[*]}" --tag "$repobase/mail-dovecot:$imagetag" dovecot >/dev/null

container=$(buildah from scratch)
buildah add --quiet "$container" mail/imageroot /imageroot >/dev/null
buildah add --quiet "$container" mail/ui /ui >/dev/null
buildah config --entrypoint=/ \
    --label org.nethserver.rootfull=0 \
    --label org.nethserver.images="$repobase/mail-dovecot:$imagetag" \
    "$container"
buildah commit --quiet --rm "$container" "$repobase/mail:$imagetag" >/dev/null
