"""HTTP API, websocket and public web server of a node (ns8-contract §8)."""
