"""Asks for several paths at once over one connection, with package h2 of Python: `python_h2.py PORT BODY_BYTES PATH…`.

Prints for each, in the order of the arguments, the status and how many bytes of body came; anything that h2 takes for an
error of its peer ends it.
"""

import socket
import sys

import h2.config
import h2.connection
import h2.events

port, body_bytes, *paths = sys.argv[1:]
wire = socket.create_connection(("127.0.0.1", int(port)), timeout=30)
connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
connection.initiate_connection()
wire.sendall(connection.data_to_send())

owed, streams, replies = {}, [], {}
for path in paths:
    stream = connection.get_next_available_stream_id()
    head = [(":method", "POST"), (":scheme", "http"), (":authority", "origin"), (":path", "/" + path)]
    connection.send_headers(stream, head)
    streams.append(stream)
    owed[stream] = int(body_bytes)
    replies[stream] = ["none", 0]


def send_what_fits():
    """As much of each body as the windows take."""
    for stream in [stream for stream in owed if owed[stream] is not None]:
        while True:
            room = min(owed[stream], connection.local_flow_control_window(stream), connection.max_outbound_frame_size)
            ends = room == owed[stream]
            if room == 0 and not ends:
                break
            connection.send_data(stream, b"x" * room, end_stream=ends)
            owed[stream] -= room
            if ends:
                owed[stream] = None
                break
    wire.sendall(connection.data_to_send())


send_what_fits()
under_way = set(streams)
while under_way:
    received = wire.recv(65536)
    if not received:
        sys.exit("the connection ended before the replies did")
    for event in connection.receive_data(received):
        if isinstance(event, h2.events.ResponseReceived):
            replies[event.stream_id][0] = dict(event.headers)[":status"]
        elif isinstance(event, h2.events.DataReceived):
            replies[event.stream_id][1] += len(event.data)
            connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            under_way.discard(event.stream_id)
        elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
            sys.exit(f"{event}")
    send_what_fits()

for stream in streams:
    print(*replies[stream])
