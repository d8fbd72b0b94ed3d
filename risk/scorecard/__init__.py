"""The WOE scorecard: bins, regression, points, exports."""
