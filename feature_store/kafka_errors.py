"""kafka-python's errors in this project's words: what is wrong, where, and what to do.

Goes by their types, the narrower first: in kafka-python an unknown topic is one to try again, and
an authentication that failed is not an authorisation that did. This module asks no broker.
"""

from __future__ import annotations

from kafka import errors as kafka_errors

from finmodel.errors import BadInput, Damaged, FinmodelError, NotFound, NotReady, Refused

_WORDS: tuple[tuple[tuple[type[Exception], ...], type[FinmodelError], str, str], ...] = (
    (
        (kafka_errors.SaslAuthenticationFailedError, kafka_errors.UnsupportedSaslMechanismError),
        Refused,
        "the broker does not accept who we say we are",
        "mend the sasl_ options of the Kafka configuration",
    ),
    (
        (kafka_errors.FencedInstanceIdError,),
        Refused,
        "another process has joined under this worker's name",
        "give each worker a name of its own",
    ),
    (
        (kafka_errors.InconsistentGroupProtocolError,),
        Refused,
        "its members share out partitions by other rules",
        "give the group another name",
    ),
    (
        (kafka_errors.InvalidSessionTimeoutError,),
        BadInput,
        "the broker does not take a session of this length",
        "mend session_timeout_ms, or the broker's group.min.session.timeout.ms and its max",
    ),
    (
        (kafka_errors.AuthorizationError,),
        Refused,
        "the broker does not allow it",
        "ask who keeps its access rules",
    ),
    (
        (kafka_errors.UnknownTopicOrPartitionError,),
        NotFound,
        "no such topic",
        "create it, or name one that exists",
    ),
    (
        (
            kafka_errors.KafkaConfigurationError,
            kafka_errors.InvalidTopicError,
            kafka_errors.InvalidPartitionsError,
            kafka_errors.MessageSizeTooLargeError,
            kafka_errors.RecordListTooLargeError,
        ),
        BadInput,
        "",
        "mend it",
    ),
    (
        (kafka_errors.CorruptRecordError,),
        Damaged,
        "a record's checksum does not hold",
        "have the broker's disks looked at",
    ),
    (
        (kafka_errors.OffsetOutOfRangeError, kafka_errors.LogTruncationError),
        NotReady,
        "its offsets have moved: old events went, or it was made anew",
        "read it again from its start",
    ),
    (
        (kafka_errors.RetriableError,),
        NotReady,
        "it does not answer",
        "see that the broker runs there, and try again",
    ),
)


def in_our_words(error: Exception, where: str, what: str = "") -> FinmodelError:
    """Kafka's error as one of ours.

    >>> in_our_words(kafka_errors.KafkaTimeoutError(), "Kafka at a:1")
    NotReady('Kafka at a:1: it does not answer; see that the broker runs there, and try again')
    """
    for kinds, ours, words, remedy in _WORDS:
        if isinstance(error, kinds):
            said = words or str(error)
            return ours(f"{what}: {said}" if what else said, where=where, remedy=remedy)
    said = f"{type(error).__name__}: {error}"
    return NotReady(f"{what}: {said}" if what else said, where=where, remedy="try again")
