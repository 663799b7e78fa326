"""Message classes of Starbelly's protocol, made only from the numbers of their fields.

Neither this server's nor Starbelly's generated code is used, so that what they have in common is
the wire. Source: the numbers as `starbelly.proto` of Starbelly has them.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_MESSAGES: dict[str, str] = {
    "Request": "request_id=1!int32 subscribe_job_status=19:SubscribeJobStatus "
    "subscribe_job_sync=20:SubscribeJobSync unsubscribe=23:SubscriptionId "
    "subscribe_policy_list=33:Nothing subscribe_schedule_list=34:Nothing "
    "subscribe_domain_login_list=35:Nothing list_policies=12:Nothing",
    "SubscribeJobStatus": "min_interval=1?double",
    "SubscribeJobSync": "job_id=1?bytes sync_token=2?bytes compression_ok=3?bool",
    "SubscriptionId": "subscription_id=1!int32",
    "Nothing": "",
    "ServerMessage": "event=1:Event response=2:Response",
    "Response": "request_id=1!int32 is_success=2!bool error_message=3?string "
    "new_subscription=16:SubscriptionId",
    "Event": "subscription_id=1!int32 job_list=2:JobList subscription_closed=4:Closed "
    "sync_item=5:SyncItem policy_event=8:PolicyEvent schedule_event=9:ScheduleEvent "
    "domain_login_event=10:DomainLoginEvent",
    "PolicyEvent": "event_type=1?int32 policy_id=2?bytes name=3?string",
    "ScheduleEvent": "event_type=1?int32 schedule_id=2?bytes schedule_name=3?string",
    "DomainLoginEvent": "event_type=1?int32 domain=2?string",
    "Closed": "reason=1!int32 message=2?string",
    "JobList": "jobs=1*Job",
    "Job": "job_id=1!bytes seeds=2+string name=4?string tags=5+string run_state=6?int32 "
    "started_at=7?string completed_at=8?string item_count=9?int32 http_success_count=10?int32 "
    "http_error_count=11?int32 exception_count=12?int32 http_status_counts=13*Count",
    "Count": "key=1?int32 value=2?int32",
    "SyncItem": "item=1:CrawlResponse token=2!bytes",
    "CrawlResponse": "body=1?bytes completed_at=2?string content_type=3?string cost=4?double "
    "duration=5?double exception=6?string headers=7*Header is_compressed=8?bool is_success=9?bool "
    "job_id=10?bytes started_at=11?string status_code=12?int32 url=13?string url_can=14?string",
    "Header": "key=1?string value=2?string",
}
"""Fields by name, number and kind: `!` required, `?` optional, `+` repeated; `:` a message, `*`
repeated messages."""

ADDED, UPDATED, DELETED = 1, 2, 3
COMPLETE, ERROR = 1, 2
CANCELLED, COMPLETED, PAUSED, PENDING, RUNNING, GONE = range(1, 7)

_Field = descriptor_pb2.FieldDescriptorProto
_LABELS = {
    "!": _Field.LABEL_REQUIRED,
    "?": _Field.LABEL_OPTIONAL,
    ":": _Field.LABEL_OPTIONAL,
    "+": _Field.LABEL_REPEATED,
    "*": _Field.LABEL_REPEATED,
}


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="numbers.proto", package="by_numbers")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for text in fields.split():
            field_name, _, rest = text.partition("=")
            kind = next(each for each in rest if not each.isdigit())
            number, _, type_name = rest.partition(kind)
            field = message.field.add(name=field_name, number=int(number), label=_LABELS[kind])
            if kind in ":*":
                field.type_name = f".by_numbers.{type_name}"
                field.type = _Field.TYPE_MESSAGE
            else:
                field.type = _Field.Type.Value(f"TYPE_{type_name.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"by_numbers.{name}"))
        for name in _MESSAGES
    }


_CLASSES = _classes()
Request: Any = _CLASSES["Request"]
ServerMessage: Any = _CLASSES["ServerMessage"]
EVENT: Any = _CLASSES["Event"]
