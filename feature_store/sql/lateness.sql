SELECT customer_id, event_timestamp,
    count(*) FILTER (in_90d AND status_code >= 1) AS repayment_late_count_90d,
    count(*) FILTER (in_180d AND status_code >= 1) AS repayment_late_count_180d,
    count(*) FILTER (in_90d AND status_code >= 2) AS repayment_serious_late_count_90d,
    count(*) FILTER (in_180d AND status_code >= 2) AS repayment_serious_late_count_180d,
    max(status_code) FILTER (in_90d) AS status_worst_90d,
    max(status_code) FILTER (in_180d) AS status_worst_180d,
    min(age) FILTER (in_180d AND status_code >= 1) AS repayment_late_months_since_180d,
    coalesce(min(age) FILTER (in_180d AND status_code <= 0), count(*) FILTER (in_180d))
        AS repayment_late_streak_180d
FROM months
GROUP BY customer_id, event_timestamp
