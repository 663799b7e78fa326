"""Execution of operations; equal subscriptions share one execution of each event."""
