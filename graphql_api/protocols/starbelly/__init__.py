"""Starbelly's own protocol: protobuf over a WebSocket, for its clients, on the feeds of GraphQL.

```
 feed ─▶ Listing ─▶ Member ─ ListEncoder ─▶ framing ─▶ binary messages
 job  ─▶ LogSubscription ─▶ BodiesInTurn ─▶ Member ─ SyncEncoder ─▶ framing ─▶ binary messages
```

What all WebSockets have in common is `protocols.websocket` and `protocols.socket_connection`; what
all subscriptions have in common is `execution`. `starbelly_pb2` is made of `starbelly.proto`.
"""
