"""A reverse proxy on twisted.web: every request is asked for at once by an Agent whose connections are used again."""

import os

from twisted.internet import reactor
from twisted.internet.defer import succeed
from twisted.web import client, resource, server
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

HOP_BY_HOP = {b"connection", b"content-length", b"expect", b"keep-alive", b"proxy-connection", b"te", b"trailer",
              b"transfer-encoding", b"upgrade"}
ORIGIN = b"http://127.0.0.1:" + os.environ["UPSTREAM_PORT"].encode()
pool = client.HTTPConnectionPool(reactor, persistent=True)
pool.maxPersistentPerHost = 64
agent = client.Agent(reactor, pool=pool)


@implementer(IBodyProducer)
class Body:
    def __init__(self, data):
        self.data, self.length = data, len(data)

    def startProducing(self, consumer):
        consumer.write(self.data)
        return succeed(None)

    def stopProducing(self):
        pass

    pauseProducing = resumeProducing = stopProducing


class Proxy(resource.Resource):
    isLeaf = True

    def render(self, request):
        headers = Headers()
        for name, values in request.requestHeaders.getAllRawHeaders():
            if name.lower() not in HOP_BY_HOP:
                headers.setRawHeaders(name, values)
        data, gone = request.content.read(), []
        request.notifyFinish().addBoth(gone.append)

        def pass_on(body, response):
            if gone:
                return
            request.setResponseCode(response.code, response.phrase)
            for name, values in response.headers.getAllRawHeaders():
                if name.lower() not in HOP_BY_HOP:
                    request.responseHeaders.setRawHeaders(name, values)
            request.write(body)
            request.finish()

        def failed(_):
            if not gone:
                request.setResponseCode(502)
                request.finish()

        asked = agent.request(request.method, ORIGIN + request.uri, headers, Body(data) if data else None)
        asked.addCallback(lambda response: client.readBody(response).addCallback(pass_on, response))
        asked.addErrback(failed)
        return server.NOT_DONE_YET


reactor.listenTCP(int(os.environ["LISTEN_PORT"]), server.Site(Proxy()), interface="127.0.0.1")
reactor.run()
