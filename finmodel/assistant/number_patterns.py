"""The regular expressions that find written figures in plain text, joined into one.

Nothing comes in; `FIND` goes out: at each place the first alternative that fits, each a named
group. The order is the meaning: words that are no figures, then what is most particular. What a
match is worth is read in `written_numbers.py`.
"""

from __future__ import annotations

import re
from typing import Final

from finmodel.assistant.numerals import CHINESE, DIGITS, MIXED, MYRIADS, TENS
from finmodel.assistant.written_dates import CLOCK, DATE

_NUMBER: Final = rf"(?:(?<![\d.]){MIXED}|(?<![几数]){CHINESE})"
"""几十 and 数百 are vague: they are no figures."""
_LETTERS: Final = r"(?!(?:rmb|cny|yuan|[kw](?![a-z])))[a-z]+"
_CURRENCY: Final = r"(?:rmb|cny|yuan)"
UNITS: Final = {
    "instalments": "期",
    "working_days": "个?工作日|个?交易日",
    "days": "天|个?自然日|日",
    "months": "个月|个自然月",
    "years": "周?年",
    "weeks": "个?星期|个?礼拜|周(?!岁)",
    "hours": "个?小时|个?钟头",
    "minutes": "分钟",
    "seconds": "秒钟?",
    "times": "倍",
    "occasions": "次(?!性)|回|遍|趟",
    "people": "位|名|人(?!民币|士)|周?岁",
    "pieces": "笔|张|家|项|条|种|步|页|件|套|部|台|封|份|通|句|字|个",
}
"""What a count counts, and the words for it."""
_ARTICLE: Final = (
    r"(?!一(?:个(?!月|小时|工作日|星期|自然)"
    r"|[回遍趟位名人笔张家项条种步页件套部台封份通句字周秒次]))"
)
"""一 before such a word is `a`, and no figure."""
_SKIP: Final = "|".join(
    [
        r"[\[【][\u4e00-\u9fff]{2,6}\d{1,3}[\]】]",  # a mask
        r"\{[a-z_]+\}",  # a slot
        r"(?:^|(?<=[\n。；]))\s{0,4}\d{1,2}(?:[.、](?!\d)|\))",  # a list's number
        r"\(\d{1,2}\)",
        r"第[一二三四五六七八九十]++(?!期|年)",
        rf"[{DIGITS}十][位名家项条种步页件套部台封份通句字点个]"  # 两种方式
        r"(?![月百日自工小星礼交整半钟以之前后点])",
        r"一块(?=[儿还付交算])",
        r"[上下这那每有同某另当]一(?:个月|[天年期次个])|[有朝某]一日",
        r"一五一十|七七八八|三三两两|乱七八糟|接二连三|百里挑一|一年一度|一天到晚|一成不变",
        r"五一|十一(?=假期|期间|活动|大促)|双十[一二]|[一二三四五六七八九]方",
        r"十分(?!钟|之)|万分(?!之)|一次性",
        rf"(?<![a-z])(?!{_CURRENCY})[a-z]+\d{{1,3}}+(?:\.\d+)*+(?![\d%倍期天元万])",  # A4, iPhone15
        rf"(?<![\d.])\d{{1,2}}{_LETTERS}",  # 5G, 4S
    ]
)
_PHONE: Final = (
    r"(?:(?<!\d)(?:1[3-9]\d[- ]?\d{4}[- ]?\d{4}"
    r"|[48]00[- ]?\d{3}[- ]?\d{4}|[48]00[- ]?\d{4}[- ]?\d{3}"
    r"|0\d{2,3}[- ]\d{7,8}|95\d{3,6}|96\d{3,4}|12(?:378|315|363|345|321|300|368|348))"
    r"(?!\d|[.,]\d|\s?[元块期天%万]))"
)
_TAIL: Final = rf"尾号(?:[为是]|后四位)?:?\s?(?:\d{{3,6}}(?!\d)|[{DIGITS}]{{4}})"
_YUAN: Final = rf"(?:元整?|块钱?|圆整?|人民币|{_CURRENCY})"
_MONEY: Final = "|".join(
    [
        rf"(?:[¥￥]|人民币|{_CURRENCY})\s?{_NUMBER}(?:\s?{_YUAN})?",
        rf"(?<![\d.])\d{{1,3}}(?:[， ]\d{{3}})+(?:\.\d+)?\s?{_YUAN}",
        rf"{_NUMBER}\s?{_YUAN}(?:{_NUMBER}[角毛](?:{_NUMBER}分?)?|[{DIGITS}\d](?![\d.\w]))?",
        rf"{_NUMBER}\s?(?:毛钱?|角(?!度)|分钱)",
    ]
)
_RATE: Final = "|".join(
    [
        rf"{_NUMBER}\s?[%‰]",
        r"百分百|百分之百",
        rf"(?:[百千万]|{_NUMBER})分之{_NUMBER}",
        rf"{_NUMBER}个(?:百分)?点",
        rf"(?<=息)万{_NUMBER}",
        rf"(?:月息|年息|月利|年利):?{_NUMBER}[分厘]",
        rf"{_NUMBER}折",
        r"[一二两三四五六七八九]成(?![为立功本])|一半",
    ]
)
_UNIT: Final = "|".join(f"(?P<{unit}>{words})" for unit, words in UNITS.items())
_COUNT: Final = rf"(?:第\s?)?{_ARTICLE}{_NUMBER}\s?(?:{_UNIT})"
_HEAVY: Final = (
    rf"[{DIGITS}十拾][{DIGITS}{TENS}{MYRIADS}]{{0,24}}[{TENS}{MYRIADS}][{DIGITS}]{{0,2}}"
)
_BARE: Final = rf"(?<![\d.]){MIXED}|{_HEAVY}|零(?=利息|费用|手续费|服务费|首付|月供|年费|门槛)"
_NAMED: Final = {
    "skip": _SKIP,
    "tail": _TAIL,
    "phone": _PHONE,
    "rate": _RATE,
    "money": _MONEY,
    "date": DATE,
    "clock": CLOCK,
    "count": _COUNT,
    "code": r"(?<![\d.])\d{7,}(?![\d.])(?!\s?[万亿])",
    "number": _BARE,
}
_BEGINS: Final = (
    rf"(?=[\d{DIGITS}十拾百千万第尾月年人¥￥a-z\[【{{(\s"
    r"本这当下上次每早清凌中晚夜有朝同某另那双乱接])"
)
"""What a match may begin with, looked at first for speed."""
FIND: Final = re.compile(
    _BEGINS + "(?:" + "|".join(f"(?P<{name}>{part})" for name, part in _NAMED.items()) + ")",
    re.IGNORECASE,
)
"""`lastgroup` is the kind; the groups inside a kind say more."""
