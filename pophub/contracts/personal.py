"""Which fields of a contract tell of a person: by what is declared, and by what a name looks like."""

from __future__ import annotations

import re
import unicodedata

from pophub.contracts.model import Connector, ConnectorFile
from pophub.domain.vietnamese import toneless

_TELLING = re.compile(
    r"(?:^|_)(?:ho_?(?:va_?)?ten|full_?name|first_?name|last_?name|ten_(?:dem|chu|nguoi)\w*|"
    r"(?:so_)?(?:cccd|cmnd|cmtnd|ddcn)|(?:so_)?dinh_danh\w*|citizen_id|national_id|passport\w*|ho_chieu|"
    r"ngay_sinh|nam_sinh|birth\w*|dob|gioi_tinh|sex|gender|que_quan|dan_toc|ton_giao|"
    r"dia_chi\w*|address\w*|e?mail\w*|thu_dien_tu|(?:so_)?dien_thoai\w*|sdt|phone\w*|mobile|"
    r"tai_khoan|so_tk|bank_account|iban|bhxh|bhyt|nhom_mau)(?:_|$)"
)

_SURNAMES = re.compile(
    "nguyen|tran|le|pham|hoang|huynh|phan|vu|vo|dang|bui|do|ho|ngo|duong|ly|dinh|trinh|mai|dao|luong"
)


def folded(name: str) -> str:
    """Write a name with the letters a to z, digits and single underscores, and no marks.

    >>> folded("Họ và tên"), folded("SĐT (nhà)")
    ('ho_va_ten', 'sdt_nha')
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", toneless(name))
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def sounds_personal(name: str) -> bool:
    """Say whether the name of a field or column is one that data of people go by.

    >>> sounds_personal("Ngày sinh"), sounds_personal("so_ddcn_me"), sounds_personal("ma_tinh")
    (True, True, False)
    """
    return _TELLING.search(folded(name)) is not None


def looks_a_name(text: str) -> bool:
    """Say whether a text looks like the name of a person of this country; a street may be called like one.

    >>> looks_a_name("Nguyễn Thị Bình"), looks_a_name("TRẦN VĂN AN"), looks_a_name("Trường Lê Lợi"), looks_a_name("Hà Nội")
    (True, True, False, False)
    """
    words = unicodedata.normalize("NFC", text).split()
    if not 2 <= len(words) <= 6 or not all(word.isalpha() and word[0].isupper() for word in words):
        return False
    return _SURNAMES.fullmatch(toneless(words[0]).lower()) is not None


def of_people(file: ConnectorFile) -> set[str]:
    """Give the fields that the file itself says are of a person.

    Those of `people` and `population`, and who represents an organisation: in a register, or named by a record.
    """
    named = {name for one in file.people for name in (one.id, one.name, one.birth_date) if name}
    named |= {one.representative for one in file.organisations if one.representative}
    if file.register_ is not None and file.register_.representative:
        named.add(file.register_.representative)
    population = file.population
    return named if population is None else named | {population.citizen, *population.fields.values()}


def look_personal(connector: Connector) -> set[str]:
    """Give the fields that look personal: by people, by a rule on identification numbers, by a name."""
    numbers = {
        str(rule.kwargs["column"])
        for rule in connector.contract.rules
        if rule.expectation == "expect_personal_id"
    }
    mapping = connector.file.mapping.items()
    sounding = {name for name, m in mapping if sounds_personal(name) or sounds_personal(m.source)}
    return of_people(connector.file) | numbers | sounding


def hidden_fields(connector: Connector) -> set[str]:
    """Give the fields whose values nobody is shown unasked: the declared ones, else all that may be personal.

    Where nothing was declared every text is hidden: a list that nobody wrote tells nothing.
    """
    if connector.file.personal is not None:
        return set(connector.file.personal)
    texts = {field.name for field in connector.contract.fields if field.type == "string"}
    return look_personal(connector) | texts
