"""The kinds of personal data, and how a placeholder for one is written: `[手机号1]`.

Nothing comes in; the kinds, their Chinese labels and the placeholders' pattern go out.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias, get_args

from msgspec import Struct

Kind: TypeAlias = Literal[
    "id_card",
    "bank_card",
    "mobile",
    "landline",
    "email",
    "passport",
    "plate",
    "wechat",
    "qq",
    "address",
    "name",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
"""The first wins where two kinds lay claim to the same place."""
LABELS: Final[dict[Kind, str]] = {
    "id_card": "身份证号",
    "bank_card": "银行卡号",
    "mobile": "手机号",
    "landline": "座机号",
    "email": "邮箱",
    "passport": "证件号",
    "plate": "车牌号",
    "wechat": "微信号",
    "qq": "QQ号",
    "address": "地址",
    "name": "姓名",
}
PLACEHOLDER: Final = re.compile(
    rf"\[(?P<label>{'|'.join(LABELS.values())})(?P<number>[1-9]\d{{0,5}})\]"
)


class Personal(Struct, frozen=True, gc=False):
    """One piece of personal data in a text: `text[start:end]`."""

    kind: Kind
    start: int
    end: int
    key: str
    """The same for every way of writing the same: digits without what parts them."""

    def __repr__(self) -> str:
        return f"Personal({self.kind}, {self.start}, {self.end})"  # no log may get the key
