"""Pseudonyms for the anonymous counters of get-facts."""

from __future__ import annotations

import functools
import hashlib
import hmac
import ipaddress

from ._redis import redis_connect


def pseudo_string(val: str, maxlen: int = 12) -> str:
    """Give a stable pseudonym of a text, that only this cluster produces; empty stays empty."""
    if not val:
        return val
    return hmac.new(_seed(), val.encode(), hashlib.sha256).hexdigest()[:maxlen]


def pseudo_domain(val: str) -> str:
    """Give a domain with each label but the last replaced by a pseudonym."""
    *labels, last = val.split(".")
    return ".".join([*(pseudo_string(label, 8) for label in labels), last])


def pseudo_ip(val: str) -> str:
    """Give the address of the same version that stands for val; ValueError for what is no address."""
    version = ipaddress.ip_address(val).version
    digest = hmac.new(_seed(), val.encode(), hashlib.sha256).digest()
    return str(ipaddress.ip_address(digest[: 4 if version == 4 else 16]))


@functools.cache
def _seed() -> bytes:
    return str(redis_connect().get("cluster/uuid") or "").encode()
