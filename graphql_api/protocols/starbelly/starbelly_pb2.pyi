from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobRunState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CANCELLED: _ClassVar[JobRunState]
    COMPLETED: _ClassVar[JobRunState]
    PAUSED: _ClassVar[JobRunState]
    PENDING: _ClassVar[JobRunState]
    RUNNING: _ClassVar[JobRunState]
    DELETED: _ClassVar[JobRunState]
CANCELLED: JobRunState
COMPLETED: JobRunState
PAUSED: JobRunState
PENDING: JobRunState
RUNNING: JobRunState
DELETED: JobRunState

class Request(_message.Message):
    __slots__ = ("request_id", "subscribe_job_status", "subscribe_job_sync", "unsubscribe", "subscribe_policy_list", "subscribe_schedule_list", "subscribe_domain_login_list")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBE_JOB_STATUS_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBE_JOB_SYNC_FIELD_NUMBER: _ClassVar[int]
    UNSUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBE_POLICY_LIST_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBE_SCHEDULE_LIST_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBE_DOMAIN_LOGIN_LIST_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    subscribe_job_status: RequestSubscribeJobStatus
    subscribe_job_sync: RequestSubscribeJobSync
    unsubscribe: RequestUnsubscribe
    subscribe_policy_list: RequestSubscribePolicyList
    subscribe_schedule_list: RequestSubscribeScheduleList
    subscribe_domain_login_list: RequestSubscribeDomainLoginList
    def __init__(self, request_id: _Optional[int] = ..., subscribe_job_status: _Optional[_Union[RequestSubscribeJobStatus, _Mapping]] = ..., subscribe_job_sync: _Optional[_Union[RequestSubscribeJobSync, _Mapping]] = ..., unsubscribe: _Optional[_Union[RequestUnsubscribe, _Mapping]] = ..., subscribe_policy_list: _Optional[_Union[RequestSubscribePolicyList, _Mapping]] = ..., subscribe_schedule_list: _Optional[_Union[RequestSubscribeScheduleList, _Mapping]] = ..., subscribe_domain_login_list: _Optional[_Union[RequestSubscribeDomainLoginList, _Mapping]] = ...) -> None: ...

class RequestSubscribeJobStatus(_message.Message):
    __slots__ = ("min_interval",)
    MIN_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    min_interval: float
    def __init__(self, min_interval: _Optional[float] = ...) -> None: ...

class RequestSubscribeJobSync(_message.Message):
    __slots__ = ("job_id", "sync_token", "compression_ok")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    SYNC_TOKEN_FIELD_NUMBER: _ClassVar[int]
    COMPRESSION_OK_FIELD_NUMBER: _ClassVar[int]
    job_id: bytes
    sync_token: bytes
    compression_ok: bool
    def __init__(self, job_id: _Optional[bytes] = ..., sync_token: _Optional[bytes] = ..., compression_ok: _Optional[bool] = ...) -> None: ...

class RequestUnsubscribe(_message.Message):
    __slots__ = ("subscription_id",)
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    subscription_id: int
    def __init__(self, subscription_id: _Optional[int] = ...) -> None: ...

class RequestSubscribePolicyList(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RequestSubscribeScheduleList(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RequestSubscribeDomainLoginList(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ServerMessage(_message.Message):
    __slots__ = ("event", "response")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    event: Event
    response: Response
    def __init__(self, event: _Optional[_Union[Event, _Mapping]] = ..., response: _Optional[_Union[Response, _Mapping]] = ...) -> None: ...

class Response(_message.Message):
    __slots__ = ("request_id", "is_success", "error_message", "new_subscription")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    IS_SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NEW_SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    is_success: bool
    error_message: str
    new_subscription: ResponseNewSubscription
    def __init__(self, request_id: _Optional[int] = ..., is_success: _Optional[bool] = ..., error_message: _Optional[str] = ..., new_subscription: _Optional[_Union[ResponseNewSubscription, _Mapping]] = ...) -> None: ...

class ResponseNewSubscription(_message.Message):
    __slots__ = ("subscription_id",)
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    subscription_id: int
    def __init__(self, subscription_id: _Optional[int] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("subscription_id", "job_list", "subscription_closed", "sync_item", "policy_event", "schedule_event", "domain_login_event")
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_LIST_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_CLOSED_FIELD_NUMBER: _ClassVar[int]
    SYNC_ITEM_FIELD_NUMBER: _ClassVar[int]
    POLICY_EVENT_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_EVENT_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_LOGIN_EVENT_FIELD_NUMBER: _ClassVar[int]
    subscription_id: int
    job_list: JobList
    subscription_closed: SubscriptionClosed
    sync_item: SyncItem
    policy_event: PolicyEvent
    schedule_event: ScheduleEvent
    domain_login_event: DomainLoginEvent
    def __init__(self, subscription_id: _Optional[int] = ..., job_list: _Optional[_Union[JobList, _Mapping]] = ..., subscription_closed: _Optional[_Union[SubscriptionClosed, _Mapping]] = ..., sync_item: _Optional[_Union[SyncItem, _Mapping]] = ..., policy_event: _Optional[_Union[PolicyEvent, _Mapping]] = ..., schedule_event: _Optional[_Union[ScheduleEvent, _Mapping]] = ..., domain_login_event: _Optional[_Union[DomainLoginEvent, _Mapping]] = ...) -> None: ...

class PolicyEvent(_message.Message):
    __slots__ = ("event_type", "policy_id", "name")
    class EventType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ADDED: _ClassVar[PolicyEvent.EventType]
        UPDATED: _ClassVar[PolicyEvent.EventType]
        DELETED: _ClassVar[PolicyEvent.EventType]
    ADDED: PolicyEvent.EventType
    UPDATED: PolicyEvent.EventType
    DELETED: PolicyEvent.EventType
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    POLICY_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    event_type: PolicyEvent.EventType
    policy_id: bytes
    name: str
    def __init__(self, event_type: _Optional[_Union[PolicyEvent.EventType, str]] = ..., policy_id: _Optional[bytes] = ..., name: _Optional[str] = ...) -> None: ...

class ScheduleEvent(_message.Message):
    __slots__ = ("event_type", "schedule_id", "schedule_name")
    class EventType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ADDED: _ClassVar[ScheduleEvent.EventType]
        UPDATED: _ClassVar[ScheduleEvent.EventType]
        DELETED: _ClassVar[ScheduleEvent.EventType]
    ADDED: ScheduleEvent.EventType
    UPDATED: ScheduleEvent.EventType
    DELETED: ScheduleEvent.EventType
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_NAME_FIELD_NUMBER: _ClassVar[int]
    event_type: ScheduleEvent.EventType
    schedule_id: bytes
    schedule_name: str
    def __init__(self, event_type: _Optional[_Union[ScheduleEvent.EventType, str]] = ..., schedule_id: _Optional[bytes] = ..., schedule_name: _Optional[str] = ...) -> None: ...

class DomainLoginEvent(_message.Message):
    __slots__ = ("event_type", "domain")
    class EventType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ADDED: _ClassVar[DomainLoginEvent.EventType]
        UPDATED: _ClassVar[DomainLoginEvent.EventType]
        DELETED: _ClassVar[DomainLoginEvent.EventType]
    ADDED: DomainLoginEvent.EventType
    UPDATED: DomainLoginEvent.EventType
    DELETED: DomainLoginEvent.EventType
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    event_type: DomainLoginEvent.EventType
    domain: str
    def __init__(self, event_type: _Optional[_Union[DomainLoginEvent.EventType, str]] = ..., domain: _Optional[str] = ...) -> None: ...

class JobList(_message.Message):
    __slots__ = ("jobs",)
    JOBS_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("job_id", "seeds", "name", "tags", "run_state", "started_at", "completed_at", "item_count", "http_success_count", "http_error_count", "exception_count", "http_status_counts")
    class HttpStatusCountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: int
        def __init__(self, key: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    SEEDS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    RUN_STATE_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    ITEM_COUNT_FIELD_NUMBER: _ClassVar[int]
    HTTP_SUCCESS_COUNT_FIELD_NUMBER: _ClassVar[int]
    HTTP_ERROR_COUNT_FIELD_NUMBER: _ClassVar[int]
    EXCEPTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_COUNTS_FIELD_NUMBER: _ClassVar[int]
    job_id: bytes
    seeds: _containers.RepeatedScalarFieldContainer[str]
    name: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    run_state: JobRunState
    started_at: str
    completed_at: str
    item_count: int
    http_success_count: int
    http_error_count: int
    exception_count: int
    http_status_counts: _containers.ScalarMap[int, int]
    def __init__(self, job_id: _Optional[bytes] = ..., seeds: _Optional[_Iterable[str]] = ..., name: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., run_state: _Optional[_Union[JobRunState, str]] = ..., started_at: _Optional[str] = ..., completed_at: _Optional[str] = ..., item_count: _Optional[int] = ..., http_success_count: _Optional[int] = ..., http_error_count: _Optional[int] = ..., exception_count: _Optional[int] = ..., http_status_counts: _Optional[_Mapping[int, int]] = ...) -> None: ...

class SyncItem(_message.Message):
    __slots__ = ("item", "token")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    item: CrawlResponse
    token: bytes
    def __init__(self, item: _Optional[_Union[CrawlResponse, _Mapping]] = ..., token: _Optional[bytes] = ...) -> None: ...

class CrawlResponse(_message.Message):
    __slots__ = ("body", "completed_at", "content_type", "cost", "duration", "exception", "headers", "is_compressed", "is_success", "job_id", "started_at", "status_code", "url", "url_can")
    BODY_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    EXCEPTION_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    IS_COMPRESSED_FIELD_NUMBER: _ClassVar[int]
    IS_SUCCESS_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    STATUS_CODE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    URL_CAN_FIELD_NUMBER: _ClassVar[int]
    body: bytes
    completed_at: str
    content_type: str
    cost: float
    duration: float
    exception: str
    headers: _containers.RepeatedCompositeFieldContainer[Header]
    is_compressed: bool
    is_success: bool
    job_id: bytes
    started_at: str
    status_code: int
    url: str
    url_can: str
    def __init__(self, body: _Optional[bytes] = ..., completed_at: _Optional[str] = ..., content_type: _Optional[str] = ..., cost: _Optional[float] = ..., duration: _Optional[float] = ..., exception: _Optional[str] = ..., headers: _Optional[_Iterable[_Union[Header, _Mapping]]] = ..., is_compressed: _Optional[bool] = ..., is_success: _Optional[bool] = ..., job_id: _Optional[bytes] = ..., started_at: _Optional[str] = ..., status_code: _Optional[int] = ..., url: _Optional[str] = ..., url_can: _Optional[str] = ...) -> None: ...

class Header(_message.Message):
    __slots__ = ("key", "value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class SubscriptionClosed(_message.Message):
    __slots__ = ("reason", "message")
    class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        COMPLETE: _ClassVar[SubscriptionClosed.Reason]
        ERROR: _ClassVar[SubscriptionClosed.Reason]
    COMPLETE: SubscriptionClosed.Reason
    ERROR: SubscriptionClosed.Reason
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: SubscriptionClosed.Reason
    message: str
    def __init__(self, reason: _Optional[_Union[SubscriptionClosed.Reason, str]] = ..., message: _Optional[str] = ...) -> None: ...
