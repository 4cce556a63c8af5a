#!/usr/bin/env python3
"""e2e_prove - tests/prover/prove.py, for names that only a cluster knows: a
Kafka broker says itself where it is, and says it as NAME.NAMESPACE.svc...
"""
import os
import socket
import sys

from e2e_kube import Reach

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "prover"))
import prove  # noqa: E402 (found by the line above)

look_up = socket.getaddrinfo
reach = Reach("default")


def in_cluster(host, port, *how, **more):
    """The Service's address, or the port-forward that leads to it."""
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name.endswith(".svc.cluster.local"):
        service, namespace = name.split(".")[:2]
        host, port = reach(service, int(port), namespace)
    return look_up(host, port, *how, **more)


if __name__ == "__main__":
    socket.getaddrinfo = in_cluster
    sys.exit(prove.main())
