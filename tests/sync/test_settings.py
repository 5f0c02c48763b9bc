"""What administrators set of a target: stored in one form, audited, in the history, and secrets never come out."""

from __future__ import annotations

import json
import unicodedata
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.utils import timezone

from catalog.errors import NameMissingError, NameTakenError, ObjectNotFoundError
from mam.accounts.errors import PermissionDeniedError
from mam.accounts.models import AuditEntry
from mam.lib.sources import parse_url
from sync import errors
from sync.choices import TargetState
from sync.models import HistoryRow, Target, TargetSource, Touch
from sync.selectors.targets import get_settings, get_target, list_targets
from sync.services.history import verify
from sync.services.settings import change_target, ensure_default_target, ensure_sources, include_source, renew_webhook_secret, unsealed
from tests.factories import make_file, make_source, make_user
from tests.sync.factories import make_target
from tests.threads import at_once

if TYPE_CHECKING:
    from mam.accounts.models import User
    from mam.lib.errors import MamError

pytestmark = pytest.mark.django_db

URL = "https://hooks.example.test/services/T0/B0/짜장면?x=1"
KEY = {"type": "service_account", "client_email": "a@p.iam.example.test", "private_key": "-----SECRET-----", "token_uri": "https://t.test"}


@pytest.fixture
def target() -> Target:
    """With nothing to be matched."""
    made = make_target("OTT")
    Touch.objects.all().delete()
    return made


def touched() -> bool:
    """Whether everything is to be matched anew; from now on it is not."""
    found = Touch.objects.filter(first_id=0).exists()
    Touch.objects.all().delete()
    return found


def everything_written() -> str:
    """All that people can read of what was changed."""
    told = list(AuditEntry.objects.values_list("before", "after")) + list(HistoryRow.objects.values_list("before", "after", "reason"))
    return json.dumps(told, ensure_ascii=False)


# --- a change ---------------------------------------------------------------------------------------------------------
def test_a_change_is_stored_audited_and_in_the_history(target: Target, administrator: User) -> None:
    changed = change_target(target=target, user=administrator, name=" OTT  서버 ", interval_s=3600, guard_rows=100, is_automatic=False)
    stored = Target.objects.get()
    assert (changed.name, stored.name, stored.interval_s, stored.guard_rows, stored.is_automatic) == (
        "OTT 서버",
        "OTT 서버",
        3600,
        100,
        False,
    )
    before = {"name": "OTT", "interval_s": 1800, "guard_rows": None, "is_automatic": True}
    after = {"name": "OTT 서버", "interval_s": 3600, "guard_rows": 100, "is_automatic": False}
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.before, entry.after) == (administrator, "sync.target.update", before, after)
    row = HistoryRow.objects.get()
    assert (row.event, row.side, row.subject, row.actor) == ("setting_changed", "system", f"target:{target.pk}", administrator.email)
    assert (row.target_id, row.before, row.after) == (target.pk, before, after)
    assert verify().broken is None


def test_what_is_as_it_was_is_no_change(target: Target, administrator: User) -> None:
    change_target(target=target, user=administrator, name="OTT", interval_s=1800, hls_extensions=[".MP4", "mov", "ts"], guard_rows=None)
    assert not AuditEntry.objects.exists()
    assert not HistoryRow.objects.exists()
    assert not touched()


def test_only_administrators_change_settings(target: Target, operator: User) -> None:
    source = make_source()
    for attempt in (
        lambda: change_target(target=target, user=operator, interval_s=60),
        lambda: include_source(target=target, source=source, user=operator, is_included=False),
        lambda: renew_webhook_secret(target=target, user=operator),
        lambda: get_settings(user=operator, target=target),
    ):
        with pytest.raises(PermissionDeniedError):
            attempt()
    assert not HistoryRow.objects.exists()


def test_a_target_that_is_gone_cannot_be_changed(target: Target, administrator: User) -> None:
    Target.objects.all().delete()
    with pytest.raises(ObjectNotFoundError):
        change_target(target=target, user=administrator, interval_s=60)


def test_a_name_is_there_once(target: Target, administrator: User) -> None:
    other = make_target("Other")
    with pytest.raises(NameTakenError):
        change_target(target=other, user=administrator, name="OTT")
    with pytest.raises(NameMissingError):
        change_target(target=other, user=administrator, name="  ")


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"interval_s": 59}, errors.SettingRangeError),
        ({"interval_s": 7 * 24 * 3600 + 1}, errors.SettingRangeError),
        ({"interval_s": None}, errors.SettingRangeError),
        ({"interval_s": True}, errors.SettingRangeError),
        ({"interval_s": "60"}, errors.SettingRangeError),
        ({"guard_percent": -1}, errors.SettingRangeError),
        ({"guard_percent": 101}, errors.SettingRangeError),
        ({"guard_percent": None}, errors.SettingRangeError),
        ({"guard_rows": -1}, errors.SettingRangeError),
        ({"guard_rows": 2**31}, errors.SettingRangeError),
        ({"hls_extensions": []}, errors.HlsExtensionMissingError),
        ({"hls_extensions": ["", " . "]}, errors.HlsExtensionMissingError),
        ({"hls_extensions": ["jpg"]}, errors.HlsExtensionError),
        ({"hls_extensions": ["wav"]}, errors.HlsExtensionError),
        ({"hls_extensions": ["mp4", "m p"]}, errors.HlsExtensionError),
        ({"hls_extensions": ["*"]}, errors.HlsExtensionError),
        ({"hls_extensions": [f"x{number}" for number in range(51)]}, errors.SettingRangeError),
        ({"alert_emails": ["kim@example.test", "kim"]}, errors.AlertAddressError),
        ({"alert_emails": ["kim@example.test\nBcc: x@y.test"]}, errors.AlertAddressError),
        ({"alert_emails": [f"a{number}@example.test" for number in range(21)]}, errors.SettingRangeError),
        ({"adapter": "ftp"}, errors.AdapterUnknownError),
        ({"options": {"host": "x"}}, errors.TargetOptionError),
        ({"options": {"project": "a/b"}}, errors.TargetOptionError),
        ({"webhook_secret": "short"}, errors.WebhookSecretError),
        ({"webhook_secret": "x" * 201}, errors.WebhookSecretError),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_stored(target: Target, administrator: User, values: Any, error: type[MamError]) -> None:
    with pytest.raises(error):
        change_target(target=target, user=administrator, **({"is_hls_only": False} | values))
    assert Target.objects.get().is_hls_only
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "values", [{"interval_s": 60}, {"interval_s": 604_800}, {"guard_percent": 0}, {"guard_percent": 100}, {"guard_rows": 0}]
)
def test_the_ends_of_a_range_belong_to_it(target: Target, administrator: User, values: Any) -> None:
    change_target(target=target, user=administrator, **values)
    assert Target.objects.filter(**values).exists()


def test_file_types_are_stored_in_one_spelling(target: Target, administrator: User) -> None:
    change_target(target=target, user=administrator, hls_extensions=[" .MP4", "mp4", "M4V", "", "m3u8"])
    assert Target.objects.get().hls_extensions == ["mp4", "m4v", "m3u8"]


def test_addresses_are_stored_once(target: Target, administrator: User) -> None:
    change_target(target=target, user=administrator, alert_emails=[" kim@example.test ", "Kim@example.test", "", "lee@example.test"])
    assert [address.casefold() for address in Target.objects.get().alert_emails] == ["kim@example.test", "lee@example.test"]
    change_target(target=target, user=administrator, alert_emails=[])
    assert Target.objects.get().alert_emails == []


# --- what follows -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "is_matched_anew"),
    [
        ({"is_hls_only": False}, True),
        ({"hls_extensions": ["mp4"]}, True),
        ({"interval_s": 60}, False),
        ({"guard_percent": 5}, False),
        ({"name": "x"}, False),
    ],
)
def test_everything_is_matched_anew_after_a_change_of_the_rules(
    target: Target, administrator: User, values: Any, is_matched_anew: bool
) -> None:
    change_target(target=target, user=administrator, **values)
    assert touched() is is_matched_anew


def test_a_shorter_interval_counts_from_now(target: Target, administrator: User) -> None:
    late = timezone.now() + timedelta(days=6)
    Target.objects.update(next_sync_at=late, interval_s=604_800)
    change_target(target=target, user=administrator, guard_percent=5)
    assert Target.objects.get().next_sync_at == late
    change_target(target=target, user=administrator, interval_s=600)
    due = Target.objects.get().next_sync_at
    assert due is not None
    assert timedelta(0) < due - timezone.now() <= timedelta(seconds=600)


def test_nothing_is_known_of_another_place(target: Target, administrator: User) -> None:
    Target.objects.update(state=TargetState.ONLINE, fingerprint="f", read_at=timezone.now(), size_bytes=5)
    change_target(target=target, user=administrator, adapter="firestore", options={"project": "p-1", "database": " (default) "})
    stored = Target.objects.get()
    assert (stored.adapter, stored.options) == ("firestore", {"project": "p-1", "database": "(default)"})
    assert (stored.state, stored.fingerprint, stored.read_at, stored.size_bytes) == (TargetState.UNKNOWN, "", None, None)


# --- secrets ----------------------------------------------------------------------------------------------------------
def test_secrets_are_sealed_and_nobody_is_shown_them(target: Target, administrator: User) -> None:
    change_target(target=target, user=administrator, webhook_url=URL, webhook_secret="s3cret-s3cret-s3cret", credentials=json.dumps(KEY))
    stored = Target.objects.get()
    assert (unsealed(stored.webhook_url), unsealed(stored.webhook_secret)) == (URL, "s3cret-s3cret-s3cret")
    assert json.loads(unsealed(stored.credentials)) == KEY
    change_target(target=target, user=administrator, webhook_url="", credentials="")
    stored = Target.objects.get()
    assert (stored.webhook_url, stored.credentials) == ("", "")
    rows = [row.after for row in HistoryRow.objects.order_by("pk")]
    assert rows == [
        {"webhook_url": "changed", "webhook_secret": "changed", "credentials": "changed"},
        {"webhook_url": "removed", "credentials": "removed"},
    ]
    table = json.dumps(list(Target.objects.values()), default=str, ensure_ascii=False)
    for secret in ("짜장면", "s3cret", "-----SECRET-----"):
        assert secret not in everything_written()
        assert secret not in table
        assert secret not in str(get_settings(user=administrator, target=stored))


def test_a_first_webhook_gets_a_secret_and_keeps_it(target: Target, administrator: User) -> None:
    change_target(target=target, user=administrator, webhook_url=URL)
    made = unsealed(Target.objects.get().webhook_secret)
    assert len(made) >= 32
    change_target(target=target, user=administrator, webhook_url="https://other.example.test/", webhook_secret="")
    assert unsealed(Target.objects.get().webhook_secret) == made


def test_a_new_secret_is_shown_once(target: Target, administrator: User) -> None:
    made = renew_webhook_secret(target=target, user=administrator)
    assert unsealed(Target.objects.get().webhook_secret) == made != renew_webhook_secret(target=target, user=administrator)
    assert made not in everything_written()
    assert HistoryRow.objects.latest("pk").after == {"webhook_secret": "changed"}


def test_the_same_secret_again_is_no_change(target: Target, administrator: User) -> None:
    change_target(target=target, user=administrator, webhook_url=URL)
    sealed = Target.objects.get().webhook_url
    change_target(target=target, user=administrator, webhook_url=URL)
    assert Target.objects.get().webhook_url == sealed
    assert HistoryRow.objects.count() == 1


def test_what_a_lost_key_has_sealed_can_be_entered_again(target: Target, administrator: User, settings: Any) -> None:
    change_target(target=target, user=administrator, webhook_url=URL)
    settings.CREDENTIALS_KEYS = [Fernet.generate_key().decode()]
    assert get_settings(user=administrator, target=Target.objects.get()).webhook_host == ""
    change_target(target=target, user=administrator, webhook_url=URL)
    assert unsealed(Target.objects.get().webhook_url) == URL


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://example.test/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "example.test/hook",
            "//example.test/",
            "http:///x",
            "https://",
        ),
        *(
            "http://kim:pw@example.test/",
            "http://kim@example.test/",
            "http://@example.test/",
            "http://example.test:0/",
            "http://example.test:99999/",
        ),
        *(
            "http://[::1/",
            "http://a b.test/",
            "http://example.test/a b",
            "http://example.test/\r\nX: y",
            f"http://{'x' * 64}.test/",
            "gopher://x/",
        ),
        "https://example.test/" + "x" * 2_000,
    ],
)
def test_an_address_that_no_webhook_can_have_is_refused(target: Target, administrator: User, url: str) -> None:
    with pytest.raises(errors.WebhookAddressError):
        change_target(target=target, user=administrator, webhook_url=url)


@pytest.mark.parametrize("url", ["http://chat:8065/hooks/x", "https://10.0.0.5/x", "http://[::1]:80/", "https://한국.test/훅"])
def test_an_address_of_a_house_is_the_administrators_choice(target: Target, administrator: User, url: str) -> None:
    change_target(target=target, user=administrator, webhook_url=f" {url}#part ")
    assert unsealed(Target.objects.get().webhook_url) == url


@pytest.mark.parametrize(
    "key", ["x", "[]", "{}", json.dumps(KEY | {"type": "authorized_user"}), json.dumps(KEY | {"private_key": 5}), "9" * 30_000]
)
def test_what_is_no_key_of_a_service_account_is_refused(target: Target, administrator: User, key: str) -> None:
    with pytest.raises(errors.TargetCredentialsError) as refused:
        change_target(target=target, user=administrator, credentials=key)
    assert "SECRET" not in str(refused.value)


# --- the first target -------------------------------------------------------------------------------------------------
def test_the_first_target_is_made_once() -> None:
    made = ensure_default_target()
    assert (made.name, made.adapter, made.is_hls_only, made.interval_s, made.is_alerting) == ("OTT 플랫폼", "database", True, 1800, False)
    Target.objects.update(name="renamed")
    assert ensure_default_target() == made
    assert Target.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_first_target_and_its_sources_are_made_once_by_many() -> None:
    for number in range(5):
        make_source(f"NAS {number}")

    def work() -> None:
        ensure_sources(ensure_default_target())

    at_once(*[work] * 6)
    assert Target.objects.count() == 1
    prefixes = TargetSource.objects.order_by("source_id").values_list("prefix", flat=True)
    assert list(prefixes) == ["", "NAS 1/", "NAS 2/", "NAS 3/", "NAS 4/"]
    assert HistoryRow.objects.count() == 5
    assert verify().broken is None


# --- sources ----------------------------------------------------------------------------------------------------------
def test_the_first_source_is_published_as_it_is_and_others_below_their_names(target: Target) -> None:
    names = ["첫째", "NAS 2", "a/b\\c:*?", "..", unicodedata.normalize("NFD", "드라마"), "nas 2", " . "]
    for name in names:
        make_source(name)
    Touch.objects.all().delete()
    ensure_sources(target)
    prefixes = list(target.sources.order_by("source_id").values_list("prefix", flat=True))
    assert prefixes == ["", "NAS 2/", "a_b_c_/", "source/", "드라마/", "nas 2 2/", "source 2/"]
    assert all(unicodedata.is_normalized("NFC", prefix) for prefix in prefixes)
    assert touched()
    row = HistoryRow.objects.earliest("pk")
    assert (row.event, row.actor, row.after) == ("setting_changed", "", {"source": "첫째", "is_included": True, "prefix": ""})
    ensure_sources(target)
    assert not touched()
    assert HistoryRow.objects.count() == len(names)


def test_the_demo_archive_is_published_only_by_who_says_so(target: Target, administrator: User) -> None:
    demo = make_source("Demo archive", url=str(parse_url((settings.DATA_DIR / "demo").as_uri())))
    ensure_sources(target)
    assert list(target.sources.values_list("is_included", "prefix")) == [(False, "Demo archive/")]
    make_source("NAS")
    ensure_sources(target)
    assert dict(target.sources.filter(is_included=True).values_list("source__name", "prefix")) == {"NAS": ""}
    assert include_source(target=target, source=demo, user=administrator, is_included=True).prefix == "Demo archive/"


def test_a_source_that_comes_later_is_published_too(target: Target) -> None:
    make_source("one")
    ensure_sources(target)
    make_source("two")
    ensure_sources(target)
    assert dict(target.sources.values_list("source__name", "prefix")) == {"one": "", "two": "two/"}


def test_a_source_is_left_out_and_taken_in_again(target: Target, administrator: User) -> None:
    source = make_source("NAS")
    make_file("a.mp4", source=source)
    member = include_source(target=target, source=source, user=administrator, is_included=False)
    assert (member.is_included, member.prefix) == (False, "")
    assert touched()
    row = HistoryRow.objects.latest("pk")
    assert (row.before, row.after) == ({"source": "NAS", "is_included": True}, {"source": "NAS", "is_included": False})
    assert row.actor == administrator.email
    assert AuditEntry.objects.filter(actor=administrator, action="sync.target.source").count() == 1
    include_source(target=target, source=source, user=administrator, is_included=False)
    assert not touched()
    include_source(target=target, source=source, user=administrator, is_included=True, prefix=" /드라마//1부/ ")
    assert TargetSource.objects.get().prefix == "드라마/1부/"
    assert touched()


@pytest.mark.parametrize("prefix", ["a/../b", "./a", "..", "a\\b", "a\nb", "a\x00", "x" * 500])
def test_a_beginning_that_no_path_has_is_refused(target: Target, administrator: User, prefix: str) -> None:
    with pytest.raises(errors.PrefixInvalidError):
        include_source(target=target, source=make_source(), user=administrator, is_included=True, prefix=prefix)


def test_no_two_published_sources_begin_alike(target: Target, administrator: User) -> None:
    one, two = make_source("one"), make_source("two")
    ensure_sources(target)
    with pytest.raises(errors.PrefixTakenError):
        include_source(target=target, source=two, user=administrator, is_included=True, prefix="")
    include_source(target=target, source=one, user=administrator, is_included=False)
    include_source(target=target, source=two, user=administrator, is_included=True, prefix="")
    with pytest.raises(errors.PrefixTakenError):
        include_source(target=target, source=one, user=administrator, is_included=True)
    include_source(target=target, source=one, user=administrator, is_included=True, prefix="Straße")
    with pytest.raises(errors.PrefixTakenError):
        include_source(target=target, source=two, user=administrator, is_included=True, prefix="STRASSE/")


# --- what people see --------------------------------------------------------------------------------------------------
def test_the_first_target_is_the_one_that_is_meant(viewer: User) -> None:
    with pytest.raises(ObjectNotFoundError):
        get_target(user=viewer)
    one, two = make_target(), make_target()
    assert (get_target(user=viewer), get_target(user=viewer, pk=two.pk), list(list_targets(user=viewer))) == (one, two, [one, two])
    with pytest.raises(ObjectNotFoundError):
        get_target(user=viewer, pk=two.pk + 1)
    with pytest.raises(PermissionDeniedError):
        get_target(user=make_user(None))


def test_settings_are_shown_without_their_secrets(target: Target, administrator: User) -> None:
    source = make_source("NAS")
    ensure_sources(target)
    shown = get_settings(user=administrator, target=target)
    assert (shown.has_webhook, shown.webhook_host, shown.has_webhook_secret, shown.has_credentials) == (False, "", False, False)
    assert [(one.source_id, one.name, one.prefix, one.is_included) for one in shown.sources] == [(source.pk, "NAS", "", True)]
    shown = get_settings(user=administrator, target=change_target(target=target, user=administrator, webhook_url=URL))
    assert (shown.has_webhook, shown.webhook_host, shown.has_webhook_secret) == (True, "hooks.example.test", True)
