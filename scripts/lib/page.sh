# shellcheck shell=bash
# The page's npm packages, as its lock file names them. Sourced with the repository as working directory.

# install_page_packages fills ui/node_modules unless it is as new as the lock file; one process at a time.
install_page_packages() {
    mkdir -p .cache
    (
        flock 9
        # npm writes this file last, so it tells a complete installation from an interrupted one.
        if [[ ! ui/node_modules/.package-lock.json -nt ui/package-lock.json ]]; then
            # Versions and hashes are those of the lock file. `npm ci` would do the same, but refuses a lock file that
            # leaves out optional binaries of other platforms, as one made behind a partial mirror does.
            npm --prefix ui install --no-save --no-audit --no-fund
        fi
    ) 9>.cache/npm.lock
}
