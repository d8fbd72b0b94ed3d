"""The table of sounds holds the commonest characters, each once."""

from finmodel.chinese_sounds import by_syllable, syllables


def test_every_character_stands_once():
    chars = "".join(by_syllable().values())
    assert len(chars) == len(set(chars)) == len(syllables()) == 6763


def test_well_known_readings():
    read = "".join(syllables()[one] for one in "微信银行征女绿")
    assert read == "weixinyinxingzhengnvlv"
