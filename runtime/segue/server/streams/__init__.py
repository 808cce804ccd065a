"""Live streams: what is committed, as it is committed, by websocket, by server-sent events, and by long-poll."""
