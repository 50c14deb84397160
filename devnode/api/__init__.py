"""HTTP API, websocket and public web server of a node."""
