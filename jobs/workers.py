"""The name a process leases under, and whether the process behind such a name is certainly gone."""

import os
import secrets
import socket


def own_name() -> str:
    """Host, process id and a nonce, because process ids come again (in a container it is always the same one)."""
    return f"{socket.gethostname()[:32]}/{os.getpid()}/{secrets.token_hex(4)}"


def is_dead(worker: str, *, me: str) -> bool:
    """True only where this host can know: a lease of another machine simply runs out."""
    host, _, rest = worker.rpartition("/")[0].rpartition("/")
    own_host, own_pid, _nonce = me.rsplit("/", 2)
    pid = rest
    if worker == me or host != own_host or not pid.isdigit():
        return False
    if pid == own_pid:
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
