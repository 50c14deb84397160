# shellcheck shell=bash
# The page's npm packages, as its lock file names them. Sourced with the repository as working directory.

# install_page_packages fills ui/node_modules unless it is as new as the lock file; one process at a time.
install_page_packages() {
    mkdir -p .cache
    (
        flock 9
        # npm writes this file last, so it tells a complete installation from an interrupted one.
        if [[ ! ui/node_modules/.package-lock.json -nt ui/package-lock.json ]]; then
            npm --prefix ui ci --no-audit --no-fund
        fi
    ) 9>.cache/npm.lock
}
