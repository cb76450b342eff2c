"""Doorbell's domain: behaviour in, the right agent rung. Read `core.pipeline` first."""
