"""Languages of tracks: what files say, as players want it, and as people read it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.conf.locale import LANG_INFO

if TYPE_CHECKING:
    from collections.abc import Iterable

# ISO 639-2, both of its forms, -> ISO 639-1: RFC 5646 (2.2.1) wants the shorter code where there is one.
_CODES = """
ara=ar ben=bn bul=bg cat=ca ces=cs cze=cs dan=da deu=de ger=de ell=el gre=el eng=en est=et fas=fa per=fa fin=fi fra=fr fre=fr heb=he
hin=hi hrv=hr hun=hu ind=id isl=is ice=is ita=it jpn=ja kat=ka kaz=kk khm=km kor=ko lav=lv lit=lt mkd=mk mon=mn msa=ms may=ms mya=my
bur=my nld=nl dut=nl nor=no pol=pl por=pt ron=ro rum=ro rus=ru slk=sk slo=sk slv=sl spa=es srp=sr swe=sv tam=ta tel=te tha=th tur=tr
ukr=uk urd=ur uzb=uz vie=vi zho=zh chi=zh
"""
_SHORT = dict(pair.split("=") for pair in _CODES.split())
_UNKNOWN = {"und", "mul", "zxx", "mis", ""}
_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


def tag_of(language: str) -> str:
    """RFC 5646 tag of a language as a file names it ("kor" -> "ko"); "" where it names none, or nothing that looks like one."""
    primary, _, rest = language.strip().replace("_", "-").partition("-")
    if primary.lower() in _UNKNOWN:
        return ""
    tag = "-".join(filter(None, [_SHORT.get(primary.lower(), primary.lower()), rest]))
    return tag if _TAG.fullmatch(tag) else ""


def names_of(tracks: Iterable[tuple[str, str]]) -> list[str]:
    """Names for (title, language) of each track, in their own language and all different: "한국어", "English 2", "Track 3"."""
    names: list[str] = []
    for number, (title, language) in enumerate(tracks, 1):
        tag = tag_of(language)
        name = title.strip() or LANG_INFO.get(tag.partition("-")[0], {}).get("name_local", "") or tag or f"Track {number}"
        names.append(f"{name} {number}" if name in names else name)
    return names
