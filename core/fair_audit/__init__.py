"""Who is rung about, and how fast, area by area: the fair housing audit. It only looks."""
