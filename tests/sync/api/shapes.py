"""Compares an answer with the serializer that describes it in the OpenAPI schema: answers are made straight from rows."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


def assert_shape(serializer: type[serializers.Serializer[Any]], data: dict[str, Any]) -> None:
    """The same names, all the way down; null only where the schema says so."""
    _compare(serializer(), data, serializer.__name__)


def _compare(field: Any, value: Any, place: str) -> None:
    if isinstance(field, serializers.SerializerMethodField):
        return
    if value is None:
        assert field.allow_null, f"{place} is null"
    elif isinstance(field, serializers.ListSerializer):
        for item in value:
            _compare(field.child, item, place)
    elif isinstance(field, serializers.Serializer):
        assert set(value) == set(field.fields), place
        for name, child in field.fields.items():
            _compare(child, value[name], f"{place}.{name}")
    elif isinstance(field, serializers.ListField):
        for item in value:
            _compare(field.child, item, place)
    elif isinstance(field, serializers.DictField):
        for key, item in value.items():
            _compare(field.child, item, f"{place}[{key}]")
    elif isinstance(field, serializers.ChoiceField):
        assert value in field.choices, f"{place}: {value!r}"
    elif isinstance(field, (serializers.IntegerField, serializers.BooleanField)):
        assert isinstance(value, int), f"{place}: {value!r}"
