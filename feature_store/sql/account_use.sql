SELECT customer_id, event_timestamp,
    count(*) FILTER (in_180d AND status_code = -2) AS account_unused_count_180d,
    count(*) FILTER (in_180d AND status_code = -1) AS account_paid_in_full_count_180d,
    count(*) FILTER (in_180d AND status_code = 0) AS account_revolving_count_180d,
    count(*) FILTER (in_180d AND status_code <= 0) AS account_on_time_count_180d
FROM months
GROUP BY customer_id, event_timestamp
