"""Product facts of a lender's, as its editors write them in YAML."""

CLOUD = {
    "id": "cloud_pay-1",
    "version": 1,
    "topic": "云闪付还款",
    "valid_from": "2026-01-15",
    "reviewer": "compliance.he",
    "text": "还款也可以用云闪付，在云闪付里选择贷款还款即可。",
}
"""A new one."""


def yaml_of(*facts):
    """A file of them; a key whose value is none is left out."""
    lines = ["sources:"]
    for one in facts:
        told = [f"{key}: {value}" for key, value in one.items() if value is not None]
        lines += [f"- {told[0]}", *(f"  {line}" for line in told[1:])]
    return "\n".join(lines) + "\n"


def write_facts(here, *facts, name="ours.yaml"):
    """The home's folder with a file of them."""
    here.facts.mkdir(parents=True, exist_ok=True)
    (here.facts / name).write_text(yaml_of(*facts), encoding="utf-8")
    return here.facts
