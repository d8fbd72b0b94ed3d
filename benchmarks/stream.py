"""The figures of the stream, in one run beside its peers: `finmodel bench stream --json`.

A real Kafka on the same two cores, ten topics filled beforehand with 2 million events of 200,000
customers (Zipf-like), JSON of 140 bytes and more, one event a record. Counted are vectors completed
× 128 (the shipped vector has 135), each after new events of that customer, repeats of a customer
in a micro-batch once. Stock Feast is given its windows for nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from _kafka_broker import running
from _report import note, print_report
from _stream_costs import cost_by_customers
from _stream_peers import confluent_records, our_records, stock_events
from _stream_proofs import freshness, profile, rebuild
from _stream_reads import computed_features, read_features
from _stream_runs import score_run
from _stream_world import Events, StreamWorld, fill, make_stream_world

from finmodel.settings import Settings


def measure(folder: Path, events: int, customers: int, seconds: float) -> dict[str, float | str]:
    """Everything, in the order in which one needs the other."""
    note("applying the definitions and training two models")
    world = world_in(folder)
    figures: dict[str, float | str] = {}
    with running(folder / "kafka") as broker:
        note(f"filling ten topics with {events:,} events")
        figures |= fill(broker.address, Events(events, customers))
        note("Kafka to scores, one worker, then two")
        one = score_run(world, broker.address, folder / "one", workers=1)
        two = score_run(world, broker.address, folder / "two", workers=2)
        figures |= one | {f"{name}_two_workers": value for name, value in two.items()}
        note("where the time goes")
        figures |= profile(world, broker.address, folder / "profiled")
        note("the store wiped and built again")
        figures |= rebuild(world, broker.address, folder)
        note("reading records, beside confluent-kafka")
        figures |= our_records(broker.address) | confluent_records(broker.address)
        note(f"freshness at 10,000 events a second, for {seconds:.0f} s")
        figures |= freshness(world, broker.address, folder / "one", customers, seconds)
    note("windows alone, and reading them")
    figures |= computed_features(world) | read_features(world, folder / "one", customers)
    note("the cost of an event among 10 thousand, 100 thousand and a million customers")
    figures |= cost_by_customers(world, folder)
    note("the same through stock Feast and LightGBM")
    figures |= stock_events(world, folder / "stock")
    events_per_s, stock = float(figures["events_per_s"]), float(figures["stock_feast_events_per_s"])
    return figures | {"events_over_stock_feast": events_per_s / stock}


def costs(folder: Path) -> dict[str, float]:
    """What an event costs among more and more customers, and nothing else."""
    return cost_by_customers(world_in(folder), folder)


def world_in(folder: Path) -> StreamWorld:
    """The definitions applied and models trained in an empty home."""
    settings = Settings(home=folder / "home", data=folder / "data")
    settings.make_home()
    return make_stream_world(settings)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="accepted for form: it is always JSON")
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--costs", action="store_true", help="an event's cost alone, in a minute")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.costs:
            print_report("stream_costs", costs(Path(folder)))
            return
        found = measure(Path(folder), asked.events, asked.customers, asked.seconds)
        print_report("stream", found)


if __name__ == "__main__":
    main()
