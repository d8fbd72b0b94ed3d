-- Of the previous statement, how much a month's repayments paid; ten times and more is ten.
SELECT customer_id, event_timestamp,
    max(ratio) FILTER (age = 0) AS repayment_ratio_lag_0m,
    max(ratio) FILTER (age = 1) AS repayment_ratio_lag_1m,
    max(ratio) FILTER (age = 2) AS repayment_ratio_lag_2m,
    max(ratio) FILTER (age = 3) AS repayment_ratio_lag_3m,
    max(ratio) FILTER (age = 4) AS repayment_ratio_lag_4m,
    sum(paid) FILTER (in_90d AND balance_before IS NOT NULL)
        / greatest(sum(balance_before) FILTER (in_90d), 1) AS repayment_ratio_total_90d,
    sum(paid) FILTER (in_180d AND balance_before IS NOT NULL)
        / greatest(sum(balance_before) FILTER (in_180d), 1) AS repayment_ratio_total_180d,
    max(to_limit) FILTER (age = 0) AS repayment_to_limit_lag_0m,
    sum(to_limit) FILTER (in_90d) AS repayment_to_limit_sum_90d,
    sum(to_limit) FILTER (in_180d) AS repayment_to_limit_sum_180d
FROM (
    SELECT *, paid / nullif(credit_limit, 0) AS to_limit,
        CASE WHEN balance_before > 0 THEN least(paid / balance_before, 10) END AS ratio
    FROM months
)
GROUP BY customer_id, event_timestamp
