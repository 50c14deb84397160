#!/usr/bin/env bash
# Runs the robot suites of tests/robot against a node, by SSH as root:
#
#   ./test-module.sh NODE_ADDR IMAGE_URL [ROBOT ARGUMENT...]
#   ./test-module.sh node1.example.org ghcr.io/nethserver/imapsync:latest --suite install --suite transfer
#
# Environment:
#   SSH_KEYFILE   private key that opens root@NODE_ADDR                    (default ~/.ssh/id_ecdsa)
#   ACCOUNTS      JSON file with the local and remote accounts to use      (default tests/robot/accounts.json)
#   OUTPUT_DIR    where robot's reports go                                 (default tests/outputs)
# The node needs a configured Mail module whose users the accounts file names; see tests/robot/README.md.
set -euo pipefail
root=$(dirname "$(readlink -f "$0")")

if [[ $# -lt 2 ]]; then
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
    exit 2
fi
node_addr=$1
image_url=$2
shift 2
ssh_keyfile=$(readlink -f "${SSH_KEYFILE:-$HOME/.ssh/id_ecdsa}")
accounts=$(readlink -f "${ACCOUNTS:-$root/tests/robot/accounts.json}")
output_dir=${OUTPUT_DIR:-$root/tests/outputs}

cd "$root"
# shellcheck source=scripts/lib/install.sh
source scripts/lib/install.sh
install_venv module devnode test
exec .venv/bin/robot \
    --pythonpath . --pythonpath tests/robot \
    --variable "NODE_ADDR:$node_addr" \
    --variable "IMAGE_URL:$image_url" \
    --variable "SSH_KEYFILE:$ssh_keyfile" \
    --variable "ACCOUNTS:$accounts" \
    --outputdir "$output_dir" \
    --skiponfailure unstable \
    "$@" tests/robot
