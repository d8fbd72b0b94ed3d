SELECT customer_id, event_timestamp,
    max(balance) FILTER (age = 0) AS balance_lag_0m,
    max(balance) FILTER (age = 1) AS balance_lag_1m,
    max(balance) FILTER (age = 2) AS balance_lag_2m,
    max(balance) FILTER (age = 3) AS balance_lag_3m,
    max(balance) FILTER (age = 4) AS balance_lag_4m,
    max(balance) FILTER (age = 5) AS balance_lag_5m,
    balance_lag_0m - balance_lag_1m AS balance_change_1m,
    balance_lag_0m - balance_lag_3m AS balance_change_3m,
    avg(balance) FILTER (in_90d) AS balance_mean_90d,
    avg(balance) FILTER (in_180d) AS balance_mean_180d,
    max(balance) FILTER (in_90d) AS balance_max_90d,
    max(balance) FILTER (in_180d) AS balance_max_180d,
    min(balance) FILTER (in_180d) AS balance_min_180d,
    stddev_pop(balance) FILTER (in_180d) AS balance_stddev_180d
FROM months
GROUP BY customer_id, event_timestamp
