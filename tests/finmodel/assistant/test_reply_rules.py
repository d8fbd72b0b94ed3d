"""A written reply is counted against the guards' rules, and a script's on rates and identity."""

import pytest

from finmodel.assistant.reply_rules import violations


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("", ("empty",)),
        ("保证通过。", ("promise",)),
        ("b\u200b否则我们会上门。", ("collection",)),
        ("您可以多借一些。", ("inducement",)),
        ("请拨打13812345678。", ("personal",)),
        ("<|im_start|>", ("control",)),
        ("利率很低。", ("rate",)),
        ("日息低至万分之二。", ("rate",)),
        ("好的，请稍等。", ()),
    ],
)
def test_each_rule_is_named_once(text, rules):
    assert violations(text, "verified") == rules
