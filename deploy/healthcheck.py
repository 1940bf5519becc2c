"""Exits 0 when the HomeChat of this container answers; the image's HEALTHCHECK runs it."""

import os
import urllib.request

port = os.environ.get("HOMECHAT_PORT", "8000")
# Without a proxy for outgoing requests, should one be set: it must not be asked about ourselves.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
opener.open(f"http://127.0.0.1:{port}/up", timeout=4).close()
