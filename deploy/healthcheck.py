"""Exits 0 when the HomeChat of this container answers; the image's HEALTHCHECK runs it."""

import os
import urllib.request

port = os.environ.get("HOMECHAT_PORT", "8000")
# A ProxyHandler with nothing in it: a proxy for outgoing requests must not be asked about ourselves.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
with opener.open(f"http://127.0.0.1:{port}/up", timeout=4) as reply:
    assert reply.status == 200, reply.status
