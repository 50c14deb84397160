"""A one-machine stand-in for a NethServer 8 node: enough of it to install, drive and test a module.

Everything here is a stand-in, said so in README.md: real Redis, systemd and podman, small copies of the
agent, the API server and the command line tools.
"""
