-- What was known of each month, at each snapshot. A snapshot is taken of a customer whenever a month's
-- status becomes known, and rests only on events known by then.

-- Events of all kinds on one axis. A second sending of an event has the same id and is dropped.
CREATE TEMP TABLE facts AS
SELECT *, datepart('year', local_time) * 12 + datepart('month', local_time) AS month
FROM (
    SELECT *, occurred_at AT TIME ZONE getvariable('zone') AS local_time
    FROM (
        SELECT event_id, customer_id, occurred_at, known_at, limit_minor / 100 AS credit_limit,
            balance_minor / 100 AS balance
        FROM statements
        UNION ALL BY NAME
        SELECT event_id, customer_id, occurred_at, known_at, amount_minor / 100 AS paid
        FROM repayments
        UNION ALL BY NAME
        SELECT event_id, customer_id, occurred_at, known_at, status_code
        FROM statuses
    )
    QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY known_at) = 1
);

-- The month that a snapshot is of: the latest one whose status is known.
CREATE TEMP TABLE snapshots AS
SELECT customer_id, event_timestamp,
    max(month) OVER (PARTITION BY customer_id ORDER BY event_timestamp) AS month
FROM (
    SELECT customer_id, known_at AS event_timestamp, max(month) AS month
    FROM facts
    WHERE status_code IS NOT NULL
    GROUP BY ALL
);

-- Age 0 is the snapshot's own month. Where an event was corrected, what was known last holds.
CREATE TEMP TABLE known AS
SELECT customer_id, event_timestamp, snapshots.month - facts.month AS age,
    arg_max(credit_limit, known_at) AS credit_limit,
    arg_max(balance, known_at) AS balance,
    sum(paid) AS paid,
    arg_max(status_code, known_at) AS status_code,
    max(occurred_at) FILTER (status_code IS NOT NULL) AS closed_at
FROM snapshots
JOIN facts USING (customer_id)
WHERE facts.known_at <= snapshots.event_timestamp
    AND facts.month BETWEEN snapshots.month - 6 AND snapshots.month
GROUP BY ALL;

-- A month that is closed (its status is known) and has no repayment is one in which 0 was paid.
-- `balance_before` is the previous month's balance: what this month's repayments pay.
CREATE TEMP TABLE months AS
SELECT customer_id, event_timestamp, age, credit_limit, balance, status_code,
    CASE WHEN closed_at IS NOT NULL THEN coalesce(paid, 0) END AS paid,
    CASE WHEN lead(age) OVER earlier = age + 1 THEN lead(balance) OVER earlier END AS balance_before,
    coalesce(closed_at > event_timestamp - INTERVAL 90 DAY, false) AS in_90d,
    coalesce(closed_at > event_timestamp - INTERVAL 180 DAY, false) AS in_180d
FROM known
WINDOW earlier AS (PARTITION BY customer_id, event_timestamp ORDER BY age);
