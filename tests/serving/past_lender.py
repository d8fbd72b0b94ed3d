"""What a lender brings: a year of decisions and what became of them, in its own words, as CSV."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from finmodel.clock import parse_time
from finmodel.records import Person
from finmodel.settings import Settings
from serving.access import People
from serving.monitoring.reading import Wanted
from tests.serving.demo_shell import Shell

START, END = "2004-10-01", "2005-09-25"
NOW = "2006-06-01T00:00:00+08:00"
MODEL = "behaviour_risk"
ANALYST = Person("Lin", frozenset({"analyst"}))
YEAR = Wanted(
    MODEL,
    start=parse_time("2004-10-01T00:00:00+08:00"),
    end=parse_time("2005-11-01T00:00:00+08:00"),
    by="month",
)
MAPPING = """
zone: Asia/Shanghai
encoding: gbk
decisions:
  application_id: 申请编号
  customer_id: 客户号
  decided_at: 审批时间
  model: behaviour_risk
  version: 1
  points: 评分
  probability: 违约概率
  decision: {column: 结果, values: {通过: approve, 转人工: refer, 拒绝: decline}}
  reasons: 拒绝码
  amount: {column: 金额, unit: yuan}
  product: {column: 产品, values: {现金贷: cash_loan, 信用卡: card}}
  features: {balance_0: 余额, lateness_1: 逾期次数}
outcomes:
  application_id: 申请编号
  observed_at: 观察日
  bad: {column: 好坏, values: {好: 0, 坏: 1}}
  dpd: 逾期天数
"""


@dataclass
class Lender:
    """A home with people in it, and the lender's tables beside it."""

    shell: Shell
    settings: Settings
    keys: dict[str, str]
    folder: Path
    decisions: pd.DataFrame
    outcomes: pd.DataFrame

    @property
    def mapping(self) -> Path:
        return self.folder / "mapping.yaml"

    def write(self, name: str, table: pd.DataFrame, encoding: str = "gbk") -> Path:
        path = self.folder / name
        table.to_csv(path, index=False, encoding=encoding)
        return path

    def load(self, what: str, path: Path, *words: str, role: str = "analyst"):
        """`finmodel decisions load`, or outcomes."""
        told = (what, "load", str(path), "--mapping", str(self.mapping), "--json", *words)
        return self.shell.finmodel(*told, key=self.keys[role])


def make_lender(folder: Path, rows: int, home: Path | None = None) -> Lender:
    """A lender of so many decisions; its people are added to the home."""
    folder.mkdir(exist_ok=True)
    settings = Settings(home=home or folder / "home", data=folder, standing_clock=NOW)
    settings.make_home()
    people = People(settings.people)
    keys = {role: people.add(f"{role} Lin", {role}) for role in ("analyst", "agent")}
    shell = Shell(settings.home, more={"FINMODEL_STANDING_CLOCK": NOW})
    decisions = past(rows)
    lender = Lender(shell, settings, keys, folder, decisions, became(decisions))
    lender.mapping.write_text(MAPPING)
    return lender


def past(rows: int, seed: int = 3) -> pd.DataFrame:
    """Decisions over a year, in the lender's words and in no order."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(-2.0, 1.2, rows)
    points = 600 - 20 / np.log(2) * (raw + np.log(50))
    seconds = np.linspace(0, (pd.Timestamp(END) - pd.Timestamp(START)).total_seconds(), rows)
    times = pd.Timestamp(START) + pd.to_timedelta(seconds.round(), unit="s")
    table = pd.DataFrame(
        {
            "申请编号": [f"P-{number:05d}" for number in range(rows)],
            "客户号": [f"K{number % 700}" for number in range(rows)],
            "审批时间": times.strftime("%Y-%m-%d %H:%M:%S"),
            "评分": points.round(3),
            "违约概率": (1 / (1 + np.exp(-raw))).round(7),
            "结果": np.where(points > 550, "通过", np.where(points > 535, "转人工", "拒绝")),
            "拒绝码": np.where(points > 535, "", "R01"),
            "金额": (rng.integers(100_000, 9_000_000, rows) / 100).round(2),
            "产品": np.where(rng.random(rows) < 0.3, "信用卡", "现金贷"),
            "余额": rng.normal(size=rows).round(4),
            "逾期次数": rng.integers(0, 4, rows),
        }
    )
    return table.sample(frac=1.0, random_state=seed).reset_index(drop=True)


def became(decisions: pd.DataFrame, seed: int = 4) -> pd.DataFrame:
    """A look at each, half a year after its decision."""
    bad = np.random.default_rng(seed).random(len(decisions)) < decisions["违约概率"]
    seen = pd.to_datetime(decisions["审批时间"]) + pd.Timedelta(days=181)
    return pd.DataFrame(
        {
            "申请编号": decisions["申请编号"],
            "观察日": seen.dt.strftime("%Y-%m-%d %H:%M:%S"),
            "好坏": np.where(bad, "坏", "好"),
            "逾期天数": np.where(bad, 45, 0),
        }
    )
