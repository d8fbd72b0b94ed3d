SELECT customer_id, event_timestamp,
    max(paid) FILTER (age = 0) AS repayment_lag_0m,
    max(paid) FILTER (age = 1) AS repayment_lag_1m,
    max(paid) FILTER (age = 2) AS repayment_lag_2m,
    max(paid) FILTER (age = 3) AS repayment_lag_3m,
    max(paid) FILTER (age = 4) AS repayment_lag_4m,
    max(paid) FILTER (age = 5) AS repayment_lag_5m,
    sum(paid) FILTER (in_90d) AS repayment_sum_90d,
    sum(paid) FILTER (in_180d) AS repayment_sum_180d,
    max(paid) FILTER (in_90d) AS repayment_max_90d,
    max(paid) FILTER (in_180d) AS repayment_max_180d,
    min(paid) FILTER (in_90d) AS repayment_min_90d,
    min(paid) FILTER (in_180d) AS repayment_min_180d,
    count(*) FILTER (in_90d AND paid = 0) AS repayment_zero_count_90d,
    count(*) FILTER (in_180d AND paid = 0) AS repayment_zero_count_180d,
    stddev_pop(paid) FILTER (in_180d) AS repayment_stddev_180d
FROM months
GROUP BY customer_id, event_timestamp
