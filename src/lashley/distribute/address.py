"""Addresses of Ray clusters, and the errors of joining one."""

from __future__ import annotations

import os
import re
import socket
from typing import Any

from lashley.errors import ClusterError

ADDRESS = re.compile(r"auto|local|(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):\d{1,5}")
ALLOWED = (
    "allowed are HOST:PORT of the head node, auto, local, or nothing: then it takes the cluster of "
    "this machine."
)
_PATIENCE = 10  # seconds for a cluster's head to answer


def checked(given: str | None, option: str = "--ray") -> str | None:
    """An address as it was given, or None for none.

    Raises:
        ClusterError: If it is not an address that can be joined.
    """
    if given and given.startswith("ray://"):
        raise ClusterError(
            f"{option}: given {given!r}, an address for Ray's client, which cannot carry a run. "
            "Give HOST:PORT of the head node from a machine of the cluster, or run the command "
            "there: ray job submit."
        )
    if given and not ADDRESS.fullmatch(given):
        raise ClusterError(f"{option}: given {given!r}; {ALLOWED}")
    return given or None


def join(ray: Any, address: str | None) -> bool:
    """Join a cluster, or start one; returns whether it was started.

    Raises:
        ClusterError: If there is none at the address, or it cannot be joined.
    """
    if address in (None, "auto") and os.environ.get("RAY_ADDRESS"):
        address = checked(os.environ["RAY_ADDRESS"], "RAY_ADDRESS")
    if address is None:
        try:
            _init(ray, "auto")
        except ConnectionError:
            address = "local"
        else:
            return False
    if ":" in address:  # Ray itself would try for minutes
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
        except (OSError, OverflowError) as error:
            raise _none_there(address, error) from error
    try:
        _init(ray, address)
    except ConnectionError as error:
        if ":" not in address:
            raise _none_there(address, error) from error
        raise _closed(address, error) from error
    except (RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
        raise _closed(address, error) from error
    return address == "local"


def _init(ray: Any, address: str) -> None:
    own: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
    ray.init(address, log_to_driver=False, logging_level="ERROR", namespace="lashley", **own)


def _none_there(address: str, error: BaseException) -> ClusterError:
    return ClusterError(
        f"--ray: there is no cluster to join at {address!r} ({_first(error)}). Start one with `ray "
        "start --head`, give its HOST:PORT, or leave the address out."
    )


def _closed(address: str, error: BaseException) -> ClusterError:
    return ClusterError(
        f"--ray: the cluster at {address!r} could not be joined ({_first(error)}). It must have "
        "this version of Ray; if it asks for a token, set RAY_AUTH_MODE=token here and on all "
        "nodes."
    )


def _first(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
