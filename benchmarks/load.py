"""A lender's past, from its files to the page: `finmodel bench load --json`.

Two million decisions of two years with ten features and their outcomes are written as two CSV files
in GBK, in a lender's words. Then, on two cores, `finmodel decisions load` and `finmodel outcomes
load` run as a person would run them (`load_s` is from the first one's start to the second one's
end, imports included), `finmodel serve` starts in that home, where no model is, and the monitoring
page is opened: `page_s` is from asking for it to the panels of what it shows first (the last 52
weeks), `all_s` the same of the window that holds all decisions, and `all_again_s` the next answer
to that.

`python benchmarks/load.py --rows 100000` takes fewer.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
from _decision_world import free_port, running
from _report import note, print_report

from finmodel.settings import Settings
from serving.access import People

ROWS, FEATURES, SEED, CORES = 2_000_000, 10, 20260901, 2
START, END, NOW = "2024-01-01", "2026-01-01", "2026-08-01T00:00:00+08:00"
MODEL = "application_risk"
FINMODEL = Path(sys.executable).with_name("finmodel")
WAIT_S = 300.0
USUAL, EVERY = 52, 156
"""Weeks that the page shows first, and the shortest window on offer that holds all decisions."""


def mapping() -> str:
    """The lender's names."""
    features = ", ".join(f"feature_{place}: 变量{place}" for place in range(FEATURES))
    return f"""
zone: Asia/Shanghai
encoding: gbk
decisions:
  application_id: 申请编号
  customer_id: 客户号
  decided_at: 审批时间
  model: {MODEL}
  version: 1
  points: 评分
  probability: 违约概率
  decision: {{column: 结果, values: {{通过: approve, 转人工: refer, 拒绝: decline}}}}
  reasons: 拒绝码
  amount: {{column: 金额, unit: yuan}}
  product: {{column: 产品, values: {{现金贷: cash_loan, 信用卡: card}}}}
  features: {{{features}}}
outcomes:
  application_id: 申请编号
  observed_at: 观察日
  bad: {{column: 好坏, values: {{好: 0, 坏: 1}}}}
  dpd: 逾期天数
"""


def write_files(folder: Path, rows: int) -> tuple[Path, Path]:
    """Decisions and outcomes as CSV."""
    rng = np.random.default_rng(SEED)
    raw = rng.normal(-3.0, 1.1, rows)
    probability = 1.0 / (1.0 + np.exp(-raw))
    points = 600 - 20 / np.log(2) * (raw + np.log(50))
    times = pd.date_range(START, END, periods=rows + 1)[:-1]
    ids = pd.Series(np.arange(rows)).map("S{:09d}".format)
    table = pd.DataFrame(
        {
            "申请编号": ids,
            "客户号": pd.Series(rng.integers(0, rows, rows)).map("K{:09d}".format),
            "审批时间": times.strftime("%Y-%m-%d %H:%M:%S"),
            "评分": points.round(2),
            "违约概率": probability.round(6),
            "结果": np.where(points > 590, "通过", np.where(points > 575, "转人工", "拒绝")),
            "拒绝码": np.where(points > 575, "", "R01"),
            "金额": (rng.integers(100_000, 9_000_000, rows) / 100).round(2),
            "产品": np.where(rng.random(rows) < 0.3, "信用卡", "现金贷"),
            **{f"变量{place}": rng.normal(size=rows).round(4) for place in range(FEATURES)},
        }
    )
    bad = rng.random(rows) < probability
    seen = (times + pd.Timedelta(days=183)).strftime("%Y-%m-%d %H:%M:%S")
    became = pd.DataFrame(
        {
            "申请编号": ids,
            "观察日": seen,
            "好坏": np.where(bad, "坏", "好"),
            "逾期天数": np.where(bad, 45, 0),
        }
    )
    paths = folder / "decisions.csv", folder / "outcomes.csv"
    for path, one in zip(paths, (table, became), strict=True):
        one.to_csv(path, index=False, encoding="gbk")
    (folder / "mapping.yaml").write_text(mapping())
    return paths


def load(settings: Settings, what: str, file: Path, key: str) -> tuple[float, dict[str, Any]]:
    """Seconds of `finmodel WHAT load`, and what it said."""
    words = [FINMODEL, what, "load", file, "--mapping", file.parent / "mapping.yaml", "--json"]
    environment = settings.child_env() | {"FINMODEL_KEY": key}
    began = time.perf_counter()
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, check=True)
    return time.perf_counter() - began, json.loads(done.stdout)


def page(address: str, key: str, weeks: int) -> tuple[float, dict[str, Any]]:
    """Seconds until the page's question is answered, and the answer."""
    question = {"model": MODEL, "weeks": weeks}
    headers = {"authorization": f"Bearer {key}"}
    began = time.perf_counter()
    for path in ("/monitoring", "/monitor/choices"):
        httpx.get(f"{address}{path}", headers=headers, timeout=60).raise_for_status()
    while True:
        asked = httpx.post(
            f"{address}/monitor", json={"question": question}, headers=headers, timeout=60
        )
        told = asked.raise_for_status().json()
        if told["panels"] and not told["doing"]:
            return time.perf_counter() - began, told
        if told["problem"] or time.perf_counter() - began > WAIT_S:
            raise SystemExit(f"the page was not computed: {told['problem']}")
        time.sleep(0.05)


def run(home: Path, rows: int) -> None:
    """Write the files, load them, open the page, and print."""
    settings = Settings(home=home / "home", data=home, port=free_port(), standing_clock=NOW)
    settings.make_home()
    key = People(settings.people).add("an analyst", {"analyst"})
    decisions, outcomes = write_files(home, rows)
    note(f"files of {(decisions.stat().st_size + outcomes.stat().st_size) / 2**20:.0f} MiB written")
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    os.sched_setaffinity(0, cores)  # of this process and all that it starts
    first_s, loaded = load(settings, "decisions", decisions, key)
    note(f"{loaded['new']:,} decisions in {first_s:.1f} s")
    then_s, became = load(settings, "outcomes", outcomes, key)
    note(f"{became['new']:,} outcomes in {then_s:.1f} s")
    address, log = f"http://{settings.host}:{settings.port}", settings.home / "service.log"
    with running([str(FINMODEL), "serve"], settings.child_env(), f"{address}/livez", log):
        page_s, first = page(address, key, USUAL)
        all_s, _ = page(address, key, EVERY)
        all_again_s, told = page(address, key, EVERY)
    header = told["panels"]["header"]
    print_report(
        "load",
        {
            "load_s": round(first_s + then_s, 1),
            "decisions_s": round(first_s, 1),
            "outcomes_s": round(then_s, 1),
            "page_s": round(page_s, 2),
            "all_s": round(all_s, 2),
            "all_again_s": round(all_again_s, 2),
            "decisions": loaded["new"],
            "outcomes": became["new"],
            "features": FEATURES,
            "shown_first": first["panels"]["header"]["n"],
            "shown": header["n"],
            "matured": header["matured"],
            "cores": len(cores),
        },
    )


def main() -> None:
    """Measure once."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--json", action="store_true", help="always so")
    words.add_argument("--rows", type=int, default=ROWS)
    told = words.parse_args()
    home = Path(tempfile.mkdtemp(prefix="finmodel-load-"))
    try:
        run(home, told.rows)
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
