-- What a month added to the balance, repayments set aside: purchases, cash, interest and fees.
SELECT customer_id, event_timestamp,
    max(spend) FILTER (age = 0) AS spend_lag_0m,
    max(spend) FILTER (age = 1) AS spend_lag_1m,
    max(spend) FILTER (age = 2) AS spend_lag_2m,
    max(spend) FILTER (age = 3) AS spend_lag_3m,
    max(spend) FILTER (age = 4) AS spend_lag_4m,
    avg(spend) FILTER (in_90d) AS spend_mean_90d,
    avg(spend) FILTER (in_180d) AS spend_mean_180d,
    avg(spend / nullif(credit_limit, 0)) FILTER (in_90d) AS spend_to_limit_mean_90d
FROM (SELECT *, balance - balance_before + paid AS spend FROM months)
GROUP BY customer_id, event_timestamp
