"""Every feature, defined once: what `feast apply` reads, and the only Python file that it reads.

Views of a customer's behaviour are snapshots, one a closed month (`feature_store/sql/` computes
them); amounts are in units of the account's currency. Views that are streamed are counted from a
topic's events as they come, amounts in minor units. `customer_profile` is for audits: no service
that scores may hold it. `drawdown_request` is what only the request knows.
"""

from __future__ import annotations

from pathlib import Path

from feast import (
    Entity,
    FeatureService,
    FeatureView,
    Field,
    FileSource,
    RequestSource,
    StreamFeatureView,
    ValueType,
)
from feast.types import Float32, Int64, String, UnixTimestamp

from feature_store.audit_only import AUDIT_ONLY, PURPOSE, check_services
from feature_store.snapshot_views import Snapshots, lags, snapshots
from feature_store.stream_views import Stream, Windowed, streamed
from finmodel.errors import BadInput
from finmodel.settings import Settings

OWNER = "risk features"
HERE = Path(__file__).parent
SETTINGS = Settings.from_env()
if HERE in SETTINGS.home.parents:
    raise BadInput(
        "FINMODEL_HOME is not set",
        where=str(HERE),
        remedy='FINMODEL_HOME="$(realpath ../../.finmodel)" feast apply',
    )

customer = Entity(
    name="customer",
    join_keys=["customer_id"],
    value_type=ValueType.INT64,
    description="A person who holds an account with the lender",
    owner=OWNER,
)


MONTHLY = Snapshots(customer, SETTINGS.offline, OWNER)


def view(name: str, says: str, features: dict[str, str]) -> FeatureView:
    """A view of monthly snapshots."""
    return snapshots(MONTHLY, name, says, features)


payment_status = view(
    "payment_status",
    "Status at each month's end: -2 no use, -1 paid in full, 0 revolving, 1 to 8 months late",
    {
        **lags("status", 6, "Status code"),
        "status_change_1m": "Status code now less that of 1 month ago: above 0 is worse",
        "status_change_2m": "Status code now less that of 2 months ago: above 0 is worse",
        "status_mean_90d": "Mean status code over months closed in 90 days",
        "status_mean_180d": "Mean status code over months closed in 180 days",
    },
)
lateness = view(
    "lateness",
    "How often, how badly and how lately repayments were late",
    {
        "repayment_late_count_90d": "Months late by one or more, of those closed in 90 days",
        "repayment_late_count_180d": "Months late by one or more, of those closed in 180 days",
        "repayment_serious_late_count_90d": "Months late by two or more, closed in 90 days",
        "repayment_serious_late_count_180d": "Months late by two or more, closed in 180 days",
        "status_worst_90d": "Highest status code over months closed in 90 days",
        "status_worst_180d": "Highest status code over months closed in 180 days",
        "repayment_late_months_since_180d": "Months since one was late; missing if none was",
        "repayment_late_streak_180d": "Late months in a row up to now",
    },
)
account_use = view(
    "account_use",
    "How the account was used, in months closed in 180 days",
    {
        "account_unused_count_180d": "Months without use",
        "account_paid_in_full_count_180d": "Months paid in full",
        "account_revolving_count_180d": "Months of minimum payment, the rest revolving",
        "account_on_time_count_180d": "Months that were not late",
    },
)
statement_balance = view(
    "statement_balance",
    "Balances of monthly statements; below 0 is a credit",
    {
        **lags("balance", 6, "Statement balance"),
        "balance_change_1m": "Balance now less that of 1 month ago",
        "balance_change_3m": "Balance now less that of 3 months ago",
        "balance_mean_90d": "Mean balance over months closed in 90 days",
        "balance_mean_180d": "Mean balance over months closed in 180 days",
        "balance_max_90d": "Highest balance over months closed in 90 days",
        "balance_max_180d": "Highest balance over months closed in 180 days",
        "balance_min_180d": "Lowest balance over months closed in 180 days",
        "balance_stddev_180d": "Standard deviation of balances over months closed in 180 days",
    },
)
repayment = view(
    "repayment",
    "What was paid in each month; 0 where the month closed and nothing was",
    {
        **lags("repayment", 6, "Paid in the month"),
        "repayment_sum_90d": "Paid in months closed in 90 days",
        "repayment_sum_180d": "Paid in months closed in 180 days",
        "repayment_max_90d": "Paid in the best month closed in 90 days",
        "repayment_max_180d": "Paid in the best month closed in 180 days",
        "repayment_min_90d": "Paid in the worst month closed in 90 days",
        "repayment_min_180d": "Paid in the worst month closed in 180 days",
        "repayment_zero_count_90d": "Months closed in 90 days in which nothing was paid",
        "repayment_zero_count_180d": "Months closed in 180 days in which nothing was paid",
        "repayment_stddev_180d": "Standard deviation of monthly repayments over 180 days",
    },
)
utilisation = view(
    "utilisation",
    "The limit, and how much of it each statement used (1 is all of it)",
    {
        "credit_limit_lag_0m": "Credit limit now",
        "headroom_lag_0m": "Credit limit less balance now",
        **lags("utilisation", 6, "Balance over limit"),
        "utilisation_change_3m": "Utilisation now less that of 3 months ago",
        "utilisation_change_5m": "Utilisation now less that of 5 months ago",
        "utilisation_mean_90d": "Mean utilisation over months closed in 90 days",
        "utilisation_mean_180d": "Mean utilisation over months closed in 180 days",
        "utilisation_max_90d": "Highest utilisation over months closed in 90 days",
        "utilisation_max_180d": "Highest utilisation over months closed in 180 days",
        "utilisation_min_180d": "Lowest utilisation over months closed in 180 days",
    },
)
repayment_ratio = view(
    "repayment_ratio",
    "Repayments against the previous statement and against the limit",
    {
        **lags("repayment_ratio", 5, "Paid over the previous balance, 10 at most"),
        "repayment_ratio_total_90d": "Paid over previous balances, months closed in 90 days",
        "repayment_ratio_total_180d": "Paid over previous balances, months closed in 180 days",
        "repayment_to_limit_lag_0m": "Paid over the limit, this month",
        "repayment_to_limit_sum_90d": "Paid over the limit, months closed in 90 days together",
        "repayment_to_limit_sum_180d": "Paid over the limit, months closed in 180 days together",
    },
)
spending = view(
    "spending",
    "What each month added to the balance, repayments set aside",
    {
        **lags("spend", 5, "Added to the balance in the month"),
        "spend_mean_90d": "Mean addition over months closed in 90 days",
        "spend_mean_180d": "Mean addition over months closed in 180 days",
        "spend_to_limit_mean_90d": "Mean addition over the limit, months closed in 90 days",
    },
)

customer_profile = FeatureView(
    name="customer_profile",
    entities=[customer],
    ttl=None,  # an attribute does not go stale
    schema=[
        Field(name="customer_id", dtype=Int64),
        Field(name="sex", dtype=Float32, description="1 man, 2 woman"),
        Field(name="education", dtype=Float32, description="1 graduate school to 4 others"),
        Field(name="marriage", dtype=Float32, description="1 married, 2 single, 3 others"),
        Field(name="age", dtype=Float32, description="Years"),
    ],
    source=FileSource(
        name="customer_profile_snapshots",
        path=str(SETTINGS.offline / "customer_profile.parquet"),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
        description="Attributes as of the opening of the history",
        owner=OWNER,
    ),
    online=False,  # nothing that serves may read it
    description="What fairness is measured with, and nothing is scored with",
    owner="model validation",
    tags={"domain": "customer", AUDIT_ONLY: "true"},
)

drawdown_request = RequestSource(
    name="drawdown_request",
    schema=[
        Field(name="amount_minor", dtype=Int64, description="Drawn, in minor units"),
        Field(name="term_months", dtype=Int64, description="Months to repay it in"),
        Field(name="product", dtype=String, description="Code of the loan product"),
        Field(name="channel", dtype=String, description="Where the request came in"),
        Field(
            name="bureau_query_id", dtype=String, description="The credit bureau's id of the query"
        ),
        Field(
            name="bureau_consent_id",
            dtype=String,
            description="The customer's consent to the query",
        ),
        Field(
            name="bureau_queried_at", dtype=UnixTimestamp, description="When the bureau answered"
        ),
        Field(name="bureau_score", dtype=Int64, description="The bureau's score"),
        Field(name="bureau_inquiry_count_90d", dtype=Int64, description="Queries by any lender"),
        Field(name="bureau_overdue_account_count", dtype=Int64, description="Accounts overdue now"),
    ],
    description="What only the request knows: kept with the decision, for replay",
    owner=OWNER,
    tags={"domain": "drawdown", "bureau_fields_need": "bureau_query_id, bureau_consent_id"},
)

# A version's vector never changes: it names each feature, in order. Change it as behaviour_risk_v2.
# fmt: off
behaviour_risk_v1 = FeatureService(
    name="behaviour_risk_v1",
    features=[
        payment_status[[
            *lags("status", 6, ""), "status_change_1m", "status_change_2m", "status_mean_90d",
            "status_mean_180d",
        ]],
        lateness[[
            "repayment_late_count_90d", "repayment_late_count_180d",
            "repayment_serious_late_count_90d", "repayment_serious_late_count_180d",
            "status_worst_90d", "status_worst_180d", "repayment_late_months_since_180d",
            "repayment_late_streak_180d",
        ]],
        account_use[[
            "account_unused_count_180d", "account_paid_in_full_count_180d",
            "account_revolving_count_180d", "account_on_time_count_180d",
        ]],
        statement_balance[[
            *lags("balance", 6, ""), "balance_change_1m", "balance_change_3m", "balance_mean_90d",
            "balance_mean_180d", "balance_max_90d", "balance_max_180d", "balance_min_180d",
            "balance_stddev_180d",
        ]],
        repayment[[
            *lags("repayment", 6, ""), "repayment_sum_90d", "repayment_sum_180d",
            "repayment_max_90d", "repayment_max_180d", "repayment_min_90d", "repayment_min_180d",
            "repayment_zero_count_90d", "repayment_zero_count_180d", "repayment_stddev_180d",
        ]],
        utilisation[[
            "credit_limit_lag_0m", "headroom_lag_0m", *lags("utilisation", 6, ""),
            "utilisation_change_3m", "utilisation_change_5m", "utilisation_mean_90d",
            "utilisation_mean_180d", "utilisation_max_90d", "utilisation_max_180d",
            "utilisation_min_180d",
        ]],
        repayment_ratio[[
            *lags("repayment_ratio", 5, ""), "repayment_ratio_total_90d",
            "repayment_ratio_total_180d", "repayment_to_limit_lag_0m",
            "repayment_to_limit_sum_90d", "repayment_to_limit_sum_180d",
        ]],
        spending[[
            *lags("spend", 5, ""), "spend_mean_90d", "spend_mean_180d", "spend_to_limit_mean_90d",
        ]],
    ],
    description="Behaviour card (B): an existing customer draws on a limit",
    owner=OWNER,
    tags={PURPOSE: "score", "card": "B"},
)
# fmt: on
behaviour_risk_audit_v1 = FeatureService(
    name="behaviour_risk_audit_v1",
    features=[customer_profile],
    description="Groups that behaviour_risk is measured by",
    owner="model validation",
    tags={PURPOSE: "audit"},
)


BEHAVIOUR = Stream(customer, SETTINGS.home / "archive", OWNER)
SHORT, LONG = "1h 24h 7d 30d 90d", "7d 30d 90d"
W = Windowed
# fmt: off
login_activity = streamed(BEHAVIOUR, "login_activity", "app.login.v1", "Sessions opened, or not", {
    "login_count": W("count", "event_id", SHORT, "Logins"),
    "login_failed_count": W("count", "event_id where status = failure", SHORT, "Failed logins"),
    "login_channel_distinct": W("count_distinct", "channel", SHORT, "Channels used"),
    "login_since": W("time_since_last", "event_id", "90d", "Seconds since the last"),
})
page_activity = streamed(BEHAVIOUR, "page_activity", "app.page_view.v1", "Pages looked at", {
    "page_count": W("count", "event_id", SHORT, "Pages"),
    "page_limit_count": W("count", "event_id where page = limit", SHORT, "Pages on limits"),
    "page_offers_count": W("count", "event_id where page = offers", SHORT, "Pages on offers"),
    "page_dwell_sum": W("sum", "dwell_ms", SHORT, "Milliseconds on pages"),
    "page_dwell_mean": W("mean", "dwell_ms", SHORT, "Milliseconds a page"),
})
loan_applications = streamed(BEHAVIOUR, "loan_applications", "loan.application.v1", "Applied", {
    "application_count": W("count", "event_id where status = submitted", LONG, "Sent in"),
    "application_declined_count": W("count", "event_id where status = declined", LONG, "Declined"),
    "application_requested_sum": W("sum", "requested_minor", LONG, "Amounts asked for, each step"),
    "application_requested_max": W("max", "requested_minor", LONG, "Highest amount asked for"),
})
drawdowns = streamed(BEHAVIOUR, "drawdowns", "loan.drawdown.v1", "Money drawn under the limit", {
    "drawdown_count": W("count", "event_id", LONG, "Drawdowns"),
    "drawdown_amount_sum": W("sum", "amount_minor", LONG, "Amounts"),
    "drawdown_amount_max": W("max", "amount_minor", LONG, "Highest amount"),
    "drawdown_amount_mean": W("mean", "amount_minor", LONG, "Mean amount"),
    "drawdown_apr_last": W("last", "apr_bp", LONG, "Rate of the latest, in 0.01 %"),
})
instalments_due = streamed(BEHAVIOUR, "instalments_due", "loan.statement.v1", "Bills of loans", {
    "instalment_count": W("count", "event_id", "30d 90d", "Bills"),
    "instalment_due_sum": W("sum", "due_minor", "30d 90d", "Amounts due"),
    "instalment_due_max": W("max", "due_minor", "30d 90d", "Highest amount due"),
    "instalment_balance_last": W("last", "balance_minor", "30d 90d", "Latest balance"),
})
loan_repayments = streamed(BEHAVIOUR, "loan_repayments", "loan.repayment.v1", "Money paid", {
    "loan_repayment_count": W("count", "event_id", LONG, "Repayments"),
    "loan_repayment_partial_count": W("count", "event_id where status = partial", LONG, "In part"),
    "loan_repayment_sum": W("sum", "amount_minor", LONG, "Amounts paid"),
    "loan_repayment_mean": W("mean", "amount_minor", LONG, "Mean amount paid"),
    "loan_repayment_stddev": W("std", "amount_minor", LONG, "Deviation of amounts paid"),
    "loan_repayment_since": W("time_since_last", "event_id", LONG, "Seconds since the latest"),
})
loan_delays = streamed(BEHAVIOUR, "loan_delays", "loan.overdue.v1", "Marks of delay passed", {
    "overdue_count": W("count", "event_id", LONG, "Marks passed"),
    "overdue_dpd_max": W("max", "dpd", LONG, "Most days past due"),
    "overdue_dpd_last": W("last", "dpd", LONG, "Days past due at the latest mark"),
    "overdue_amount_max": W("max", "amount_minor", LONG, "Highest amount past due"),
    "overdue_since": W("time_since_last", "event_id", LONG, "Seconds since the latest"),
})
offers_shown = streamed(BEHAVIOUR, "offers_shown", "marketing.offer_shown.v1", "Offers shown", {
    "offer_shown_count": W("count", "event_id", SHORT, "Offers"),
    "offer_sms_count": W("count", "event_id where channel = sms", SHORT, "Offers by SMS"),
})
offers_clicked = streamed(BEHAVIOUR, "offers_clicked", "marketing.offer_clicked.v1", "Opened", {
    "offer_clicked_count": W("count", "event_id", SHORT, "Offers opened"),
    "offer_clicked_since": W("time_since_last", "event_id", LONG, "Seconds since the latest"),
})
service_messages = streamed(BEHAVIOUR, "service_messages", "service.message.v1", "Messages", {
    "message_inbound_count": W("count", "event_id where direction = inbound", SHORT, "From them"),
    "message_length_sum": W("sum", "length", LONG, "Characters, both ways"),
})
# fmt: on
customer_behaviour_v1 = FeatureService(
    name="customer_behaviour_v1",
    features=[one for one in list(globals().values()) if isinstance(one, StreamFeatureView)],
    description="What a customer did lately, counted from events as they come",
    owner=OWNER,
    tags={PURPOSE: "score"},
)

# Behind customer_behaviour_v1: a version's vector never changes.
# fmt: off
granted_limits = streamed(BEHAVIOUR, "granted_limits", "loan.application.v1", "Limits granted", {
    "application_limit_last": W("last", "limit_minor where status = approved", "90d", "Latest one"),
})
# fmt: on
application_risk_v1 = FeatureService(
    name="application_risk_v1",
    features=[login_activity, page_activity, loan_applications, granted_limits],
    description="Application card (A): a new customer's first drawdown; no repayment is read",
    owner=OWNER,
    tags={PURPOSE: "score", "card": "A"},
)
lender_behaviour_risk_v1 = FeatureService(
    name="lender_behaviour_risk_v1",
    features=[
        drawdowns,
        instalments_due,
        loan_repayments,
        loan_delays,
        login_activity,
        page_activity,
        service_messages,
    ],
    description="Behaviour card (B) of the loans; what was offered to a customer is not read",
    owner=OWNER,
    tags={PURPOSE: "score", "card": "B"},
)

_defined = list(globals().values())
check_services(
    [one for one in _defined if isinstance(one, FeatureService)],
    [one for one in _defined if isinstance(one, FeatureView)],
)
