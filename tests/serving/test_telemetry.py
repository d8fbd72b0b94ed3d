import subprocess
import sys

from serving.telemetry import Telemetry


def test_what_happened_is_counted_by_what_it_was():
    telemetry = Telemetry()
    telemetry.answered("/decide", 200, 0.003)
    telemetry.answered("/decide", 422, 0.001)
    telemetry.decided("refer", "view_stale:balance", [("balance", "stale")])
    telemetry.scored(1000)
    telemetry.loaded("behaviour_risk", 3)
    telemetry.refused()
    told = telemetry.exposition().decode().splitlines()
    for line in (
        'finmodel_requests_total{route="/decide",status="200"} 1.0',
        'finmodel_requests_total{route="/decide",status="422"} 1.0',
        'finmodel_request_seconds_bucket{le="0.002",route="/decide"} 1.0',
        'finmodel_request_seconds_bucket{le="0.004",route="/decide"} 2.0',
        'finmodel_decisions_total{answer="refer",rule="view_stale:balance"} 1.0',
        'finmodel_views_not_present_total{state="stale",view="balance"} 1.0',
        "finmodel_customers_scored_total 1000.0",
        'finmodel_model_version{name="behaviour_risk"} 3.0',
        'finmodel_model_loads_total{result="refused"} 1.0',
    ):
        assert line in told


def test_what_decisions_took_is_told_without_the_first():
    telemetry = Telemetry()
    assert telemetry.spent == (0, 0.0)
    for _ in range(3):
        telemetry.decided("approve", "points", [])
    assert telemetry.spent.decisions == 2
    assert telemetry.spent.cpu_s > 0


def test_what_happened_never_is_told_as_nothing():
    """Prometheus reckons an increase between two values: a refusal must not be the first."""
    told = Telemetry().exposition().decode().splitlines()
    assert 'finmodel_model_loads_total{result="refused"} 0.0' in told
    telemetry = Telemetry()
    telemetry.expect(["/decide"])
    told = telemetry.exposition().decode().splitlines()
    assert 'finmodel_requests_total{route="/decide",status="507"} 0.0' in told


def test_workers_are_added_up(tmp_path):
    """Two processes count, a third tells the sum, as BentoML's workers do."""
    count = "from serving.telemetry import Telemetry as T; T().scored(5)"
    tell = "from serving.telemetry import Telemetry as T; print(T().exposition().decode())"
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    told = ""
    for program in (count, count, tell):
        told = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    assert "finmodel_customers_scored_total 10.0" in told
