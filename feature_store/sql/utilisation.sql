SELECT customer_id, event_timestamp,
    max(credit_limit) FILTER (age = 0) AS credit_limit_lag_0m,
    max(credit_limit - balance) FILTER (age = 0) AS headroom_lag_0m,
    max(utilisation) FILTER (age = 0) AS utilisation_lag_0m,
    max(utilisation) FILTER (age = 1) AS utilisation_lag_1m,
    max(utilisation) FILTER (age = 2) AS utilisation_lag_2m,
    max(utilisation) FILTER (age = 3) AS utilisation_lag_3m,
    max(utilisation) FILTER (age = 4) AS utilisation_lag_4m,
    max(utilisation) FILTER (age = 5) AS utilisation_lag_5m,
    utilisation_lag_0m - utilisation_lag_3m AS utilisation_change_3m,
    utilisation_lag_0m - utilisation_lag_5m AS utilisation_change_5m,
    avg(utilisation) FILTER (in_90d) AS utilisation_mean_90d,
    avg(utilisation) FILTER (in_180d) AS utilisation_mean_180d,
    max(utilisation) FILTER (in_90d) AS utilisation_max_90d,
    max(utilisation) FILTER (in_180d) AS utilisation_max_180d,
    min(utilisation) FILTER (in_180d) AS utilisation_min_180d
FROM (SELECT *, balance / nullif(credit_limit, 0) AS utilisation FROM months)
GROUP BY customer_id, event_timestamp
