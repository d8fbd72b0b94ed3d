SELECT customer_id, event_timestamp,
    max(status_code) FILTER (age = 0) AS status_lag_0m,
    max(status_code) FILTER (age = 1) AS status_lag_1m,
    max(status_code) FILTER (age = 2) AS status_lag_2m,
    max(status_code) FILTER (age = 3) AS status_lag_3m,
    max(status_code) FILTER (age = 4) AS status_lag_4m,
    max(status_code) FILTER (age = 5) AS status_lag_5m,
    status_lag_0m - status_lag_1m AS status_change_1m,
    status_lag_0m - status_lag_2m AS status_change_2m,
    avg(status_code) FILTER (in_90d) AS status_mean_90d,
    avg(status_code) FILTER (in_180d) AS status_mean_180d
FROM months
GROUP BY customer_id, event_timestamp
