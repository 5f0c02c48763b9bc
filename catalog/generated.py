"""An archive that nobody has: names and facts as a poker broadcaster's files have them, Korean and English, the same for the same seed.

For measuring and trying things at a size that no test brings along. No Django here.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = (
    ("WSOP", "World Series of Poker"),
    ("WPT", "World Poker Tour"),
    ("EPT", "European Poker Tour"),
    ("APT", "Asian Poker Tour"),
    ("HCL", "Hustler Casino Live"),
    ("PAD", "Poker After Dark"),
    ("KPO", "코리아 포커 오픈"),
    ("SHR", "Super High Roller Bowl"),
    ("JPC", "제주 포커 챔피언십"),
    ("CGL", "캐시게임 라이브"),
)
YEARS = range(2005, 2026)
STAGES = (
    *("Main Event", "High Roller", "Heads Up", "Cash Game", "Short Deck", "Bounty", "Mystery Bounty", "Ladies", "Seniors", "Colossus"),
    *("메인 이벤트", "하이롤러", "헤즈업", "캐시게임", "숏덱", "바운티", "여성부", "왕중왕전", "예선", "사이드 이벤트"),
)
MOMENTS = (
    *("Final Table", "Feature Table", "Outer Table", "Highlights", "Interview", "Bad Beat", "Big Bluff", "Hero Call", "Hole Cards"),
    *("파이널테이블", "파이널 테이블", "피처 테이블", "하이라이트", "인터뷰", "배드빗", "블러프", "명승부", "홀카드", "시상식"),
)
_FIRST_NAMES = (
    *("Phil:필", "Daniel:다니엘", "Tom:톰", "Jason:제이슨", "Maria:마리아", "Doyle:도일", "Erik:에릭", "Justin:저스틴", "Fedor:페도르"),
    *("Vanessa:바네사", "Antonio:안토니오", "Patrik:패트릭", "Gus:거스", "Liv:리브", "Bryn:브린", "Stephen:스티븐", "Alex:알렉스"),
    *("Nick:닉", "Garrett:개럿", "Andrew:앤드루", "Sam:샘", "Kristen:크리스틴", "Mike:마이크", "David:데이비드", "Isaac:아이작"),
)
_LAST_NAMES = (
    *("Ivey:아이비", "Negreanu:네그라누", "Dwan:드완", "Mercier:머시어", "Ho:호", "Brunson:브런슨", "Seidel:사이델", "Bonomo:보노모"),
    *("Holz:홀츠", "Selbst:셀브스트", "Esfandiari:에스판디아리", "Antonius:안토니우스", "Hansen:한센", "Boeree:보리", "Kenney:케니"),
    *("Chidwick:치드윅", "Foxen:폭센", "Petrangelo:페트란젤로", "Adelstein:아델스타인", "Robl:로블", "Trickett:트리킷"),
    *("Bicknell:빅넬", "Matusow:마투소", "Peters:피터스", "Haxton:핵스턴"),
)
_KOREAN_FAMILIES = (
    "김:Kim",
    "이:Lee",
    "박:Park",
    "최:Choi",
    "정:Jung",
    "강:Kang",
    "조:Cho",
    "윤:Yoon",
    "장:Jang",
    "임:Lim",
    "한:Han",
    "오:Oh",
)
_KOREAN_GIVEN = (
    *("민수:Minsu", "지훈:Jihoon", "서연:Seoyeon", "하늘:Haneul", "철수:Cheolsu", "영희:Younghee", "도현:Dohyun", "유진:Yujin"),
    *("태웅:Taewoong", "수빈:Subin", "재현:Jaehyun", "은지:Eunji", "동욱:Dongwook", "나래:Narae", "성호:Sungho", "가람:Garam"),
)
_TAGS = (
    *("bluff", "all-in", "hero call", "bad beat", "royal flush", "quads", "needs review", "cleared", "4K master", "social"),
    *("블러프", "올인", "명장면", "편집 완료", "자막 필요", "방송 불가", "썸네일", "유튜브", "재방송", "원본"),
)
# Extension, codec of the picture, of the sound, bit rate in Mbit/s, how often.
_FORMATS = (
    ("mp4", "h264", "aac", 8, 40),
    ("mp4", "hevc", "aac", 12, 8),
    ("mov", "prores", "pcm_s16le", 220, 12),
    ("mov", "h264", "pcm_s16le", 50, 6),
    ("mxf", "mpeg2video", "pcm_s24le", 50, 18),
    ("mkv", "h264", "ac3", 10, 7),
    ("ts", "h264", "mp2", 15, 5),
    ("avi", "mpeg4", "mp3", 4, 4),
)
_SIZES = ((1920, 1080, 55), (3840, 2160, 18), (1280, 720, 17), (720, 576, 6), (1080, 1920, 4))
_PARTS = range(2, 9)  # files of a content
_CONTENTS = range(4, 13)  # of a folder
_CAST = range(2, 5)  # players of a content


class GeneratedPlayer(NamedTuple):
    """A player in both spellings."""

    name_en: str
    name_ko: str


class GeneratedFile(NamedTuple):
    """A file and what probing would say of it. `tags` are indexes into `Archive.tags`."""

    name: str
    extension: str
    size_bytes: int
    mtime_s: int  # since 1970-01-01 UTC
    duration_ms: int
    bit_rate_bps: int
    video_codec: str
    audio_codec: str
    width_px: int
    height_px: int
    tags: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GeneratedContent:
    """A work; `cast` are indexes into `Archive.players`."""

    title: str
    cast: tuple[int, ...]
    files: tuple[GeneratedFile, ...]


@dataclass(frozen=True, slots=True)
class GeneratedFolder:
    """One folder, of one season: `path` is three names deep."""

    path: str
    catalog: str
    series: str
    year: int
    contents: tuple[GeneratedContent, ...]


class Archive:
    """`seed` decides everything; a larger archive begins like a smaller one."""

    tags = _TAGS

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @cached_property
    def players(self) -> tuple[GeneratedPlayer, ...]:
        """All players, in an order that hides the lists they are made of."""
        western = [
            (f"{first} {last}", f"{ko} {last_ko}") for first, ko in map(_pair, _FIRST_NAMES) for last, last_ko in map(_pair, _LAST_NAMES)
        ]
        korean = [
            (f"{given} {family}", f"{family_ko}{ko}")
            for family_ko, family in map(_pair, _KOREAN_FAMILIES)
            for ko, given in map(_pair, _KOREAN_GIVEN)
        ]
        everyone = [GeneratedPlayer(*names) for names in (*western, *korean)]
        random.Random(self.seed).shuffle(everyone)  # noqa: S311  (a generator of examples)
        return tuple(everyone)

    def folders(self) -> Iterator[GeneratedFolder]:
        """Without an end."""
        chance = random.Random(self.seed + 1)  # noqa: S311
        number = 0
        while True:
            number += 1
            yield self._folder(chance, number)

    def _folder(self, chance: random.Random, number: int) -> GeneratedFolder:
        short, event = chance.choice(EVENTS)
        year, stage = chance.choice(YEARS), chance.choice(STAGES)
        contents = tuple(self._content(chance, short, year, stage, number * 100 + day) for day in range(1, chance.choice(_CONTENTS)))
        return GeneratedFolder(f"{event}/{year}/{stage} {number:05}", event, f"{short} {year}", year, contents)

    def _content(self, chance: random.Random, short: str, year: int, stage: str, number: int) -> GeneratedContent:
        moment = chance.choice(MOMENTS)
        cast = tuple(chance.sample(range(len(self.players)), chance.choice(_CAST)))
        day = number % 100
        recorded_s = int((year - 1970) * 31_556_952 + chance.random() * 31_000_000)
        names = _names(chance, short, year, stage, moment, day, [self.players[index] for index in cast])
        extension, video, audio, megabits, _ = chance.choices(_FORMATS, [one[-1] for one in _FORMATS])[0]
        width, height, _ = chance.choices(_SIZES, [one[-1] for one in _SIZES])[0]
        files = []
        for part in range(1, chance.choice(_PARTS)):
            duration_ms = int(chance.lognormvariate(13.6, 1.2))  # mostly some minutes to hours
            bit_rate_bps = int(megabits * 1_000_000 * chance.uniform(0.6, 1.4))
            tags = tuple(chance.sample(range(len(_TAGS)), 1 + (part == 1))) if chance.random() < 0.15 else ()
            files.append(
                GeneratedFile(
                    name=f"{names.format(part=part, number=f'{number:07}')}.{extension}",
                    extension=extension,
                    size_bytes=duration_ms * bit_rate_bps // 8000,
                    mtime_s=recorded_s + part * 3600,
                    duration_ms=duration_ms,
                    bit_rate_bps=bit_rate_bps,
                    video_codec=video,
                    audio_codec=audio,
                    width_px=width,
                    height_px=height,
                    tags=tags,
                )
            )
        return GeneratedContent(f"{stage} {moment} {number}", cast, tuple(files))


def _names(chance: random.Random, short: str, year: int, stage: str, moment: str, day: int, cast: list[GeneratedPlayer]) -> str:
    """How somebody names the files of one content: a pattern of `part` and `number`."""
    one, other = cast[0], cast[1]
    under = stage.replace(" ", "_")
    return chance.choice(
        (
            f"{short}_{year}_{under}_Day{day:02}_Part{{part}}_{_last(one.name_en)}_vs_{_last(other.name_en)}_{{number}}",
            f"{year} {short} {stage} {moment} {{part}}부 {one.name_ko} {{number}}",
            f"[{short}] {year % 100:02}{day:02}{{part:02}} {stage} - {one.name_ko} vs {other.name_ko} ({{number}})",
            f"{short}{year % 100:02}_{moment.replace(' ', '')}_{_last(one.name_en)}_{{number}}_{{part}}",
            f"{one.name_en} {moment} {short} {year} EP{day:02} pt{{part}} {{number}}",
            f"{short}-{year}-{under.lower()}-cam{{part}}-{{number}}",
            "C{number}_{part:02}",
        )
    )


def _last(name: str) -> str:
    return name.rpartition(" ")[2]


def _pair(text: str) -> tuple[str, str]:
    one, _, other = text.partition(":")
    return one, other
