"""A producer for what Python's client cannot send: header names that are no text, as one in C or Go may write them."""

import ctypes
from pathlib import Path

import confluent_kafka

# librdkafka's own numbers, https://docs.confluent.io/platform/current/clients/librdkafka/html/rdkafka_8h.html
_PRODUCER = 0
_END, _TOPIC, _PARTITION, _VALUE, _MSGFLAGS, _HEADERS = 0, 1, 3, 4, 7, 10
_COPY = 2
_SECOND_MS = 1000


def produce(kafka: str, topic: str, value: bytes, headers: list[tuple[bytes, bytes | None]]) -> None:
    """One message into partition 0 of a topic."""
    folder = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(folder.glob("librdkafka*"))))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_headers_new"):
        getattr(library, name).restype = ctypes.c_void_p
    error = ctypes.create_string_buffer(512)
    conf = ctypes.c_void_p(library.rd_kafka_conf_new())
    for option, text in ((b"bootstrap.servers", kafka.encode()), (b"message.max.bytes", b"16777216")):
        assert library.rd_kafka_conf_set(conf, option, text, error, ctypes.c_size_t(512)) == 0, error.value
    producer = ctypes.c_void_p(library.rd_kafka_new(_PRODUCER, conf, error, ctypes.c_size_t(512)))
    assert producer.value, error.value
    raw = ctypes.c_void_p(library.rd_kafka_headers_new(ctypes.c_size_t(len(headers))))
    for name, content in headers:
        size = ctypes.c_ssize_t(-1 if content is None else len(content))
        assert library.rd_kafka_header_add(raw, name, ctypes.c_ssize_t(len(name)), content, size) == 0
    status = library.rd_kafka_producev(
        producer,
        *(ctypes.c_int(_TOPIC), topic.encode()),
        *(ctypes.c_int(_PARTITION), ctypes.c_int32(0)),
        *(ctypes.c_int(_VALUE), value, ctypes.c_size_t(len(value))),
        *(ctypes.c_int(_MSGFLAGS), ctypes.c_int(_COPY)),
        *(ctypes.c_int(_HEADERS), raw),
        ctypes.c_int(_END),
    )
    assert status == 0, f"librdkafka's error {status}"
    assert library.rd_kafka_flush(producer, 30 * _SECOND_MS) == 0
    library.rd_kafka_destroy(producer)
