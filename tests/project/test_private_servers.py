"""The servers that tests bring along answer, and are gone afterwards."""

from __future__ import annotations

import psycopg
import pytest
import redis

from tests.fixtures.servers import PostgresServer, redis_server


@pytest.mark.postgres
def test_a_private_postgresql_stores_korean_text(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.create_database("korean")) as connection:
        row = connection.execute("SELECT length('한국어')").fetchone()
    assert row == (3,)


@pytest.mark.redis
def test_a_private_redis_ends_with_its_block() -> None:
    with redis_server() as url:
        assert redis.Redis.from_url(url).ping()
    with pytest.raises(redis.ConnectionError):
        redis.Redis.from_url(url).ping()
