"""REPLAYS: what really happened to cases that people worked on, and the same arrivals handed out by routing."""
