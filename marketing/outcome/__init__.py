"""What a campaign did, and what another policy would have earned."""
