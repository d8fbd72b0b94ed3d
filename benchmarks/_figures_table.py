"""The README's table of figures, out of the committed results: no figure there is typed by hand.

python benchmarks/_figures_table.py      write it into README.md, after new results
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ONLINE, CARD, STREAM = "online", "behaviour_risk", "stream"
COSTS = "stream_costs"
REASONS, MONITOR = "reasons", "monitor"
ALLOCATE, UPLIFT = "allocate", "uplift"
MARKETING, MODELS = "marketing", "models"
LORA, LORA_1B, LORA_14B = "lora", "lora_1.5b", "lora_14b"
PLAN, PREFERENCE = "plan", "preference"
SCRIPTS, KILLED, AGREEMENT = "scripts", "killed", "agreement"
SOAK = "soak_nf4"
ASSIST, GUARDS, MATCHING = "assist", "guards", "matching"
LOAD, DAY, OFFLINE = "load", "day", "offline"
COMMANDS = {
    SOAK: "make soak-14b",
    LORA_1B: "finmodel bench lora --base 1.5b --json",
    COSTS: "finmodel bench stream --costs --json",
}
"""What measures, where it is not `finmodel bench NAME --json`."""
WAITING = {LORA_14B: "not yet measured"}
"""Benches that want a machine which was not at hand."""
HEAD = "| figure | here | what it is, and its peer | command |\n|---|---|---|---|\n"
TABLE = re.compile(r"\| figure \| here \|.*?\n(?=\n)", re.S)

ROWS: tuple[tuple[str, str, str, str], ...] = (
    (
        "read_features_per_s",
        "M.1",
        "features read, 1,000 customers a call; stock Feast on sqlite"
        " {stock_feast_sqlite_features_per_s:M.2}, on redis {stock_feast_redis_features_per_s:M.2}",
        ONLINE,
    ),
    ("read_over_stock_feast_sqlite", "×.0", "the same, as a ratio", ONLINE),
    (
        "read_features_per_s_batch_1",
        "M.1",
        "one customer a call; stock {stock_feast_sqlite_features_per_s_batch_1:M.2}"
        " and {stock_feast_redis_features_per_s_batch_1:M.2}",
        ONLINE,
    ),
    (
        "score_over_lightgbm",
        "×.1",
        "scoring 1,000 rows, one core, the same bits: {score_features_per_s:M.0} features a"
        " second; `Booster.predict` {lightgbm_features_per_s:M.0}",
        ONLINE,
    ),
    (
        "score_row_us",
        "µs.1",
        "one row; LightGBM's single-row fast call {lightgbm_fast_row_us:µs.1}",
        ONLINE,
    ),
    ("read_and_score_features_per_s", "M.0", "read and scored, two cores, in process", ONLINE),
    (
        "score_http_features_per_s",
        "M.1",
        "through `POST /score`, one worker; stock Feast and `Booster.predict` behind the same"
        " server {stock_http_features_per_s:M.2}",
        ONLINE,
    ),
    (
        "decide_p99_ms",
        "ms.1",
        "`POST /decide` at 200 a second: four reasons, and its audit record on the disk",
        ONLINE,
    ),
    (
        "decide_p99_over_echo_p99",
        "×.1",
        "the same over an empty endpoint of the server ({echo_p99_ms:ms.1})",
        ONLINE,
    ),
    (
        "kafka_to_score_features_per_s_two_workers",
        "M.1",
        "Kafka bytes to tiles, vector, two models' scores, a synced store; broker and two workers"
        " on the same two cores; one worker {kafka_to_score_features_per_s:M.1}",
        STREAM,
    ),
    (
        "events_per_s",
        "k.0",
        "the same in events, one worker; through stock Feast, its windows given, and"
        " `Booster.predict` {stock_feast_events_per_s:k.2}",
        STREAM,
    ),
    ("events_over_stock_feast", "×.0", "the same, as a ratio", STREAM),
    (
        "features_computed_per_s",
        "M.0",
        "the shipped vector's windows alone, one core, {tiles_of_the_computed:.0} tiles a customer",
        STREAM,
    ),
    (
        "read_windowed_features_per_s",
        "M.1",
        "135 windows a customer out of tiles, as of now, 1,000 customers a call",
        STREAM,
    ),
    (
        "freshness_p99_ms",
        "ms.0",
        "an event's making to its being servable and scored, at 10,000 a second;"
        " half within {freshness_p50_ms:ms.0}",
        STREAM,
    ),
    (
        "rebuild_customers_per_s",
        "k.0",
        "the store wiped and built again from the log, bit for bit",
        STREAM,
    ),
    (
        "records_per_s",
        "k.0",
        "Kafka records as columns; confluent-kafka, a message each {confluent_records_per_s:k.0}",
        STREAM,
    ),
    (
        "event_us_1m",
        "µs.1",
        "processor time of an event among a million customers; among 100,000"
        " {event_us_100k:µs.1}, among 10,000 {event_us_10k:µs.1}",
        COSTS,
    ),
    (
        "card_auc",
        ".4",
        "B卡, mean of 2 × 5 folds, sd {card_auc_sd:.4}; plain LightGBM on the table's columns"
        " {plain_lightgbm_auc:.4}, with sex, age, marriage and education"
        " {reference_with_audit_only_auc:.4}",
        CARD,
    ),
    ("card_ks", ".3", "likewise; {plain_lightgbm_ks:.3}, {reference_with_audit_only_ks:.3}", CARD),
    (
        "scorecard_auc",
        ".4",
        "the WOE scorecard on the same folds, KS {scorecard_ks:.3}, Brier {scorecard_brier:.4};"
        " the trees' Brier {card_brier:.4}; trees without depth and directions"
        " {unbounded_auc:.4}, KS {unbounded_ks:.3}, Brier {unbounded_brier:.4}",
        CARD,
    ),
    (
        "reasons_p50_ms",
        "ms.3",
        "exact contributions and four reasons of one decision, 200 trees of depth 4;"
        " `pred_contrib` {pred_contrib_p50_ms:ms.3}; of 31 leaves {reasons_p50_ms_31_leaves:ms.3}"
        " and {pred_contrib_p50_ms_31_leaves:ms.3}",
        REASONS,
    ),
    (
        "over_pred_contrib",
        "×.1",
        "the same, as a ratio; of 31 leaves {over_pred_contrib_31_leaves:×.1}; a thousand rows at"
        " once {over_pred_contrib_batch:×.1} and {over_pred_contrib_batch_31_leaves:×.1}",
        REASONS,
    ),
    (
        "panels_s",
        "s.1",
        "{decisions:M.0} logged decisions of {features:.0} features, cold, to its ten panels;"
        " the largest process {peak_gb:.2} GB",
        MONITOR,
    ),
    (
        "allocate_s",
        "s.1",
        "{campaign_customers:M.0} customers × 5 offers under nine limits that all bind;"
        " {gap_to_bound:ppm.4} below what any plan could gain",
        ALLOCATE,
    ),
    (
        "qini_chosen",
        ".4",
        "uplift on Hillstrom's women's e-mail, the learner chosen on other customers: 95 %"
        " {qini_chosen_low:.4} to {qini_chosen_high:.4}; a random order 0",
        UPLIFT,
    ),
    (
        "walk_forward_auc",
        ".3",
        "a real bank's calls: mean AUC of nine quarters, each foretold from those before it, the"
        " settings chosen there too; plain LightGBM trained once {once_auc:.3}, each quarter anew"
        " {retrained_auc:.3}; on a random split, which looks ahead, {random_split_auc:.3}",
        MARKETING,
    ),
    (
        "model_scores_per_s",
        "M.2",
        "scores a second of six models of 200 trees, all of a customer from one read of"
        " {vector_features:.0} windowed features, two cores; with `Booster.predict`"
        " {lightgbm_model_scores_per_s:M.2}",
        MODELS,
    ),
    ("times_100m_a_day", "×.0", "the same, over 100 million a day", MODELS),
    (
        "supervised_tokens_per_s",
        ".0",
        "learnt tokens a second of LoRA on the shipped tiny base, two cores; transformers.Trainer"
        " with peft {trainer_1_supervised_tokens_per_s:.0} at one and"
        " {trainer_4_supervised_tokens_per_s:.0} at four samples a step; held-out loss"
        " {heldout_loss:.2} and (four) {trainer_heldout_loss:.2}, peak {peak_mib:.0} and"
        " {trainer_4_peak_mib:.0} MiB",
        LORA,
    ),
    ("over_trainer", "×.1", "the same, as a ratio to the better of the two", LORA),
    (
        "over_trainer",
        "×.1",
        "the same on a real 1.5B base, layers computed again on both sides:"
        " {supervised_tokens_per_s:.1} learnt tokens a second, the Trainer"
        " {trainer_1_supervised_tokens_per_s:.1} and {trainer_4_supervised_tokens_per_s:.1};"
        " held-out loss {heldout_loss:.2} and {trainer_heldout_loss:.2}",
        LORA_1B,
    ),
    (
        "perplexity_fall",
        "%.0",
        "held-out replies after {train_seconds:min.0} of tuning that 1.5B base on two"
        " cores: perplexity {base_perplexity:.1} to {tuned_perplexity:.2}; of scripts that no"
        " training showed {shipped.tuned_perplexity_unseen:.0}: memory, no skill; general text's"
        " loss changed by {general_rise:%.1}; stopped by hand and gone on,"
        " {effective_share:%.0} of its time was effective",
        SCRIPTS,
    ),
    (
        "edit_distance_share",
        ".2",
        "edits from 24 replies to the nearest approved script that answers the same, over the"
        " base's: {tuned_edit_distance_nearest:.2} of {base_edit_distance_nearest:.2}; to the very"
        " one that was sent {tuned_edit_distance:.2} of {base_edit_distance:.2}",
        SCRIPTS,
    ),
    (
        "equal_losses",
        "%.0",
        "losses that are the same bits in a 1.5B run killed {kills:.0} times at random; a killed"
        " one's next step begins after {restart_s:s.0}, and a kill costs {lost_s:s.0}",
        KILLED,
    ),
    (
        "same_top",
        "%.1",
        "the tuned adapter in llama.cpp (Q4_K_M) and in PEFT (float32): same likeliest token,"
        " {positions:.0} positions; mean KL {mean_kl:.4}",
        AGREEMENT,
    ),
    (
        "pairs_per_s",
        ".1",
        "preference pairs a second by DPO; TRL's DPOTrainer as it comes {trl_pairs_per_s:.2}, with"
        " no layer computed again {trl_whole_pairs_per_s:.2}; held-out loss {heldout_loss:.3} and"
        " {trl_heldout_loss:.3}",
        PREFERENCE,
    ),
    ("over_trl", "×.1", "the same, as a ratio to TRL as it comes", PREFERENCE),
    (
        "plan_over_measured_most",
        ".3",
        "planned peak memory over the measured one, at most, of {runs:.0} real runs; at least"
        " {plan_over_measured_least:.3}",
        PLAN,
    ),
    (
        "step_s",
        "s.0",
        "one LoRA step of a 14B-shaped base in four bits, r 64, 128 tokens, two cores without a"
        " GPU; at most {peak_gib:.1} GiB resident",
        SOAK,
    ),
    (
        "tokens_per_s",
        ".0",
        "LoRA r 64 on a 14B-shaped base, one H100 80 GB, packed 4,096; the plan expects"
        " {plan.h100_14b_tokens_per_s:.0} at {plan.h100_14b_utilisation:.2} of the card's rate",
        LORA_14B,
    ),
    (
        "right_script_at_3",
        "%.1",
        "the right approved script among the three suggested, {turns:.0} turns of held-out"
        " conversations whose phrasings nothing learnt: 95 % {right_script_at_3_low:%.1} to"
        " {right_script_at_3_high:%.1}",
        ASSIST,
    ),
    (
        "matching_auc",
        ".3",
        "AUC of telling which of 4,316 pairs of real questions (afqmc's dev part) mean the same; by"
        " e5's embeddings alone {pairs_e5_auc:.3}, by shared characters"
        " {pairs_character_overlap_auc:.3}, BM25 {pairs_bm25_auc:.3}",
        MATCHING,
    ),
    (
        "characters_saved",
        "%.0",
        "of a simulated agent's final text, by scripts alone; that text is an approved script with"
        " the customer's figures, which flatters",
        ASSIST,
    ),
    (
        "numbers_grounded",
        "%.0",
        "of {numbers:.0} figures suggested; a customer's own told to somebody unverified:"
        " {unverified_values:.0} in {unverified_requests:.0} requests; to another:"
        " {foreign_values:.0} in {foreign_requests:.0}, of which {foreign_left_midway:.0} were left"
        " midway",
        ASSIST,
    ),
    (
        "script_p95_ms",
        "ms.0",
        "until approved scripts stand with an agent, over HTTP; in process"
        " {script_in_process_p95_ms:ms.1}",
        ASSIST,
    ),
    (
        "first_token_1b_p95_ms",
        "ms.0",
        "to the real 1.5B base's first token in a conversation under way, to its first sentence"
        " behind the guards {first_sentence_1b_p95_ms:ms.0}; two agents at once"
        " {first_token_1b_two_p95_ms:ms.0} and {first_sentence_1b_two_p95_ms:ms.0}; the tiny base,"
        " eight at once {first_token_p95_ms:ms.0} and {first_sentence_p95_ms:ms.0}",
        ASSIST,
    ),
    (
        "recall_at_1pct_fpr",
        "%.1",
        "attacks found, of families that no rule was written on, where 1 % of normal texts are"
        " flagged, calibrated by a lender's ordinary messages: messages"
        " {calibrated_recall_at_1pct_fpr:%.1}; both {uncalibrated_recall_at_1pct_fpr:%.1} without;"
        " as shipped {inbound_shipped_recall:%.1}, replies {outbound_shipped_recall:%.1}; of real"
        " questions {false_blocks:%.2} are blocked",
        GUARDS,
    ),
    ("messages_per_s", "k.1", "customers' messages through the inbound guard, one core", GUARDS),
    ("first_decision_s", "s.0", "from an empty home to a decision, packages installed", CARD),
    ("second_start_s", "s.0", "from a home that is set up", CARD),
    (
        "first_decision_s",
        "s.0",
        "likewise with the network off, {wheels:.0} wheels to be installed first:"
        " `make run WHEELS=DIR`",
        OFFLINE,
    ),
    (
        "load_s",
        "s.0",
        "{decisions:M.0} past decisions and their outcomes out of two files in GBK, two cores; the"
        " monitoring page shows the last year after {page_s:s.1}, every week after {all_s:s.1}",
        LOAD,
    ),
    (
        "page_p95_ms",
        "ms.0",
        "whatever {agents:.0} agents, {underwriters:.0} underwriters and {analysts:.0} analysts"
        " waited for in {minutes:.0} minutes at one small machine, {requests:.0} answers of scripts"
        " only; errors: {errors:.0}",
        DAY,
    ),
)


_UNITS = {"M": 1e6, "k": 1e3, "ppm": 1e-6, "%": 1e-2, "min": 60}


def figures() -> dict[str, dict[str, float]]:
    """Every committed figure, by its bench; of the shipped adapter, what its card was judged by."""
    files = {one.stem: one for one in sorted((ROOT / "benchmarks" / "results").glob("*.json"))}
    files["shipped"] = ROOT / "fine_tune" / "service_scripts" / "card.json"
    return {name: json.loads(file.read_text())["figures"] for name, file in files.items()}


def shown(value: float, form: str) -> str:
    """A figure as people read it; `form` is a unit and a number of digits.

    >>> shown(98_892_628.5, "M.1"), shown(1059.9, "×.0"), shown(3.776, "µs.1"), shown(0.789, ".4")
    ('98.9 M', '1,060×', '3.8 µs', '0.7890')
    """
    unit, _, digits = form.rpartition(".")
    number = f"{value / _UNITS.get(unit, 1):,.{digits}f}"
    return number + (unit if unit in ("", "×") else f" {unit}")


def table() -> str:
    """The table, each row with the command that measures it; none for what is not measured yet."""
    known = figures()

    def filled(text: str, bench: str) -> str:
        return re.sub(
            r"\{(?:(\w+)\.)?(\w+):([^}]+)\}",
            lambda m: shown(known[m[1] or bench][m[2]], m[3]),
            text,
        )

    def cell(name: str, form: str, bench: str) -> str:
        mine = known.get(bench)
        return shown(mine[name], form) if mine else WAITING[bench]

    return HEAD + "".join(
        f"| `{name}` | {cell(name, form, bench)} | {filled(text, bench)} |"
        f" `{COMMANDS.get(bench, f'finmodel bench {bench} --json')}` |\n"
        for name, form, text, bench in ROWS
        if bench in known or bench in WAITING
    )


if __name__ == "__main__":
    page = ROOT / "README.md"
    page.write_text(TABLE.sub(lambda _: table(), page.read_text(), count=1))
    sys.stdout.write(table())
