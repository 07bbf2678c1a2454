"""A reverse proxy on twisted.web that asks the origin while it renders: one request after the other, and each is
answered before its rendering returns."""

import http.client
import os

from twisted.internet import reactor
from twisted.web import resource, server

HOP_BY_HOP = {"connection", "content-length", "date", "expect", "keep-alive", "proxy-connection", "server", "te", "trailer",
              "transfer-encoding", "upgrade"}
ORIGIN = int(os.environ["UPSTREAM_PORT"])


class Proxy(resource.Resource):
    isLeaf = True

    def render(self, request):
        headers = {}
        for name, values in request.requestHeaders.getAllRawHeaders():
            name = name.decode("latin1")
            if name.lower() not in HOP_BY_HOP:
                headers[name] = values[0].decode("latin1")
        upstream = http.client.HTTPConnection("127.0.0.1", ORIGIN, timeout=5)
        try:
            data = request.content.read() or None
            upstream.request(request.method.decode(), request.uri.decode("latin1"), data, headers)
            response = upstream.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            request.setResponseCode(502)
            return b""
        finally:
            upstream.close()
        request.setResponseCode(response.status)
        for name, value in response.getheaders():
            if name.lower() not in HOP_BY_HOP:
                request.responseHeaders.setRawHeaders(name, [value])
        return body


reactor.listenTCP(int(os.environ["LISTEN_PORT"]), server.Site(Proxy()), interface="127.0.0.1")
reactor.run()
